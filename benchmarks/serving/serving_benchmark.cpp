// What serving costs on this machine: what HTTP adds, how many requests a core takes, how well the generator keeps its
// schedule, what a swap of versions does to latency. README.md says how to read it.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/load/beside_runner.hpp>
#include <fulcrum/load/generate_load.hpp>
#include <fulcrum/load/runner_load.hpp>
#include <fulcrum/measure/statistics.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/serve/http_load.hpp>
#include <fulcrum/serve/server.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include "canned_server.hpp"

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

/// A folder that is gone with it.
class Folder {
public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("fulcrum_serving_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  void put(const Model<float>& model, const std::string& name, const std::string& version) const {
    const std::filesystem::path folder = path_ / name / version;
    std::filesystem::create_directories(folder);
    export_onnx(model, (folder / "model.onnx").string());
  }
  void write(const std::string& name, const std::string& text) const {
    write_file_atomically((path_ / name).string(), text);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

private:
  std::filesystem::path path_;
};

/// 784 numbers in, 10 out: 3 KB.
Model<float> small_image_model() { return ModelBuilder<float>("null", 1).input({784}).dense(10).build(); }

/// Takes a time on the CPU and gives nothing.
class Busy {
public:
  Busy(std::int64_t batch, std::chrono::nanoseconds time) : batch_(batch), time_(time) {}
  [[nodiscard]] std::vector<Shape> src_shapes() const { return {{batch_, 784}}; }
  [[nodiscard]] std::vector<Shape> dst_shapes() const { return {{batch_, 10}}; }
  void execute(std::span<const float* const>, std::span<float* const> dst) const {
    std::fill_n(dst[0], 10 * batch_, 0.0F);
    if (time_.count() == 0) return;
    const auto until = std::chrono::steady_clock::now() + time_;
    while (std::chrono::steady_clock::now() < until) {
    }
  }

private:
  std::int64_t batch_;
  std::chrono::nanoseconds time_;
};

ExecutorFactory busy(std::chrono::nanoseconds time) {
  return [time](const Model<float>&, const RunConfig& config) { return Busy(config.batch, time); };
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double us(Milliseconds time) { return 1000.0 * time.count(); }

LoadOptions for_seconds(double seconds, std::uint64_t seed = 0) {
  LoadOptions options;
  options.duration = Seconds(seconds);
  options.warm_up = Seconds(0.3);
  options.seed = seed;
  return options;
}

/// The same load in turns on the runner in the process, on a server of the same model, and on a server that computes
/// nothing.
void overhead(const std::string& network, double rate, double seconds, int rounds, int short_run_us) {
  const Model<float> model = network == "null" ? small_image_model() : zoo_model(network);
  const ExecutorFactory executors = network == "null" ? busy(0ns) : ExecutorFactory{};
  Folder folder;
  folder.put(model, "m", "1");
  ServerOptions options;
  options.port = 0;
  options.repository.folder = folder.path();
  options.repository.executors = executors;
  if (short_run_us >= 0) options.short_run = std::chrono::microseconds(short_run_us);
  InferenceServer server(options);
  for (const std::string& problem : server.load()) throw Error("the server", problem);
  QueuedRunner runner(model, {}, {.executors = executors});
  const HttpLoad http(ServedAt{"127.0.0.1", server.port(), "m", ""});
  std::string shape;
  for (const std::int64_t extent : runner.src_shapes()[0])
    shape += (shape.empty() ? "" : ", ") + std::to_string(extent);
  const benchmark::CannedServer canned(
      R"({"inputs": [{"name": "input", "datatype": "FP32", "shape": [)" + shape + "]}]}", std::string(150, ' '));
  const HttpLoad floor(ServedAt{"127.0.0.1", canned.port(), "m", ""});
  std::vector<double> p50[3], p99[3], difference, beside_floor;
  for (int round = 0; round < rounds; ++round) {
    const LoadOptions load = for_seconds(seconds, static_cast<std::uint64_t>(round));
    const Server scenario{PoissonArrivals{rate}};
    std::vector<LoadReport> reports;
    {
      const BesideRunner beside(runner);
      reports.push_back(generate_load(RunnerLoad(model, runner), scenario, load));
    }
    reports.push_back(generate_load(http, scenario, load));
    reports.push_back(generate_load(floor, scenario, load));
    for (std::size_t i = 0; i < 3; ++i) {
      if (reports[i].requests.done != reports[i].requests.issued) throw Error("a load", "was not answered");
      p50[i].push_back(us(reports[i].latency.statistics.p50));
      p99[i].push_back(us(reports[i].latency.statistics.p99));
    }
    difference.push_back(p50[1].back() - p50[0].back());
    beside_floor.push_back(p50[1].back() - p50[0].back() - p50[2].back());
  }
  std::printf("%s, %zu bytes, %.0f requests/s, %d rounds in turns (medians)\n", network.c_str(), http.request_bytes(),
              rate, rounds);
  const char* names[] = {"runner in the process", "HTTP", "canned answers (floor)"};
  for (std::size_t i = 0; i < 3; ++i)
    std::printf("  %-24s p50 %7.1f µs   p99 %7.1f µs\n", names[i], median_of(p50[i]), median_of(p99[i]));
  std::printf("  HTTP adds %.1f µs p50 (%.1f above the floor)\n", median_of(difference), median_of(beside_floor));
}

/// Requests per second of a server that has one core and a model that computes nothing; clients have the others.
void throughput(double seconds, int connections) {
  const std::vector<int> cpus = current_affinity();
  Folder folder;
  folder.put(small_image_model(), "m", "1");
  int pipe[2];
  if (::pipe(pipe) != 0) throw Error("a pipe", "cannot be had");
  const ::pid_t child = ::fork();
  if (child == 0) {
    static_cast<void>(detail::set_affinity(std::span(cpus).first(1)));
    ServerOptions options;
    options.port = 0;
    options.repository.folder = folder.path();
    options.repository.executors = busy(0ns);
    InferenceServer server(options);
    static_cast<void>(server.load());
    const std::uint16_t port = server.port();
    static_cast<void>(!::write(pipe[1], &port, sizeof port));
    for (;;) ::pause();
  }
  std::uint16_t port = 0;
  static_cast<void>(!::read(pipe[0], &port, sizeof port));
  if (cpus.size() > 1) static_cast<void>(detail::set_affinity(std::span(cpus).subspan(1)));
  HttpLoadOptions options;
  options.connections = connections;
  {
    const HttpLoad http(ServedAt{"127.0.0.1", port, "m", ""}, options);
    const auto run = [&](double time) {
      const auto begun = std::chrono::steady_clock::now();
      std::int64_t done = 0;
      while (std::chrono::steady_clock::now() - begun < Seconds(time)) {
        const LoadReport report = generate_load(http, Offline{2000});
        if (report.requests.done != report.requests.issued) throw Error("a load", "was not answered");
        done += report.requests.done;
      }
      return static_cast<double>(done) / Seconds(std::chrono::steady_clock::now() - begun).count();
    };
    static_cast<void>(run(0.5));
    std::printf("a null model, %zu bytes, server on one core, clients on %zu, %d connections: %.0f requests/s\n",
                http.request_bytes(), cpus.size() - 1, connections, run(seconds));
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

void show_generator(const char* what, const LoadReport& report) {
  std::printf("  %-44s latency p50 %6.1f µs p99 %7.1f µs; late p50 %5.1f µs p99 %6.1f µs max %7.1f µs\n", what,
              us(report.latency.statistics.p50), us(report.latency.statistics.p99), report.lag.p50.count(),
              report.lag.p99.count(), report.lag.max.count());
}

/// How well the generator keeps its schedule, and what it reports of something that takes no time.
void generator(double seconds) {
  const Server scenario{PoissonArrivals{1000.0}};
  std::printf("1,000 requests/s, Poisson\n");
  const SubmitFunction nothing = [](std::int64_t, const Completion& done) {
    RequestOutcome outcome;
    outcome.status = RequestStatus::done;
    outcome.batch = 1;
    outcome.submitted = outcome.started = outcome.finished = std::chrono::steady_clock::now();
    done(outcome);
    return true;
  };
  show_generator("done at once", generate_load(nothing, scenario, for_seconds(seconds)));
  const Model<float> model = small_image_model();
  for (const auto& [what, time] :
       {std::pair("a runner, nothing computed", 0us), std::pair("a runner, 600 µs", 600us)}) {
    QueuedRunner runner(model, {}, {.executors = busy(time)});
    const BesideRunner beside(runner);
    const LoadReport report = generate_load(RunnerLoad(model, runner), scenario, for_seconds(seconds));
    show_generator(what, report);
  }
  QueuedRunner runner(model, {}, {.executors = busy(0ns)});
  const BesideRunner beside(runner);
  const LoadReport report = generate_load(RunnerLoad(model, runner), SingleStream{}, for_seconds(seconds));
  show_generator("a runner, nothing computed, one after another", report);
}

/// Latency of two models side by side while nothing changes and while one of them is loaded anew, in turns.
/// \param pin  whether each model is kept on a core of its own
void swap(const std::string& network, double load, double seconds, int rounds, bool pin) {
  const Model<float> model = zoo_model(network);
  const std::vector<int> cpus = current_affinity();
  Folder folder;
  for (const char* name : {"changing", "beside"}) folder.put(model, name, "1");
  folder.put(model, "changing", "2");
  if (pin) {
    folder.write("changing/config.json", "{\"cpus\": [" + std::to_string(cpus.front()) + "]}");
    folder.write("beside/config.json", "{\"cpus\": [" + std::to_string(cpus.back()) + "]}");
  }
  ServerOptions options;
  options.port = 0;
  options.repository.folder = folder.path();
  InferenceServer server(options);
  for (const std::string& problem : server.load()) throw Error("the server", problem);
  const auto at = [&](const char* name) { return HttpLoad(ServedAt{"127.0.0.1", server.port(), name, ""}); };
  const HttpLoad changing = at("changing"), beside = at("beside");
  // What both do at the same time: where cores share what bounds them, that is less than what each does alone.
  const auto capacity = [](const HttpLoad& http) {
    return generate_load(http, MultiStream{2}, for_seconds(2.0)).throughput_per_s;
  };
  auto of_other = std::async(std::launch::async, [&] { return capacity(beside); });
  const double mine_alone = capacity(changing);
  const double rate = load * std::min(mine_alone, of_other.get());
  std::printf("%s, two models, each %.0f requests/s (%.0f %% of what they do side by side), %s\n", network.c_str(),
              rate, 100.0 * load, pin ? "each on a core" : "not pinned");
  struct Both {
    LoadReport changing, beside;
  };
  const auto both = [&](std::uint64_t seed) {
    auto other = std::async(std::launch::async, [&, seed] {
      return generate_load(beside, Server{PoissonArrivals{rate}}, for_seconds(seconds, seed + 1000));
    });
    LoadReport mine = generate_load(changing, Server{PoissonArrivals{rate}}, for_seconds(seconds, seed));
    return Both{std::move(mine), other.get()};
  };
  std::vector<double> ratios[2];
  std::int64_t failed = 0, issued = 0;
  for (int round = 0; round < rounds; ++round) {
    const Both steady = both(static_cast<std::uint64_t>(round));
    std::atomic<bool> ending{false};
    int swaps = 0;
    std::thread swapper([&] {
      while (!ending) {
        server.repository().load("changing", swaps++ % 2 == 0 ? "2" : "1");
        std::this_thread::sleep_for(500ms);
      }
    });
    const Both during = both(static_cast<std::uint64_t>(round));
    ending = true;
    swapper.join();
    for (const Both* run : {&steady, &during}) {
      for (const LoadReport* report : {&run->changing, &run->beside}) {
        issued += report->requests.issued;
        failed += report->requests.issued - report->requests.done;
      }
    }
    ratios[0].push_back(during.changing.latency.statistics.p99.count() /
                        steady.changing.latency.statistics.p99.count());
    ratios[1].push_back(during.beside.latency.statistics.p99.count() / steady.beside.latency.statistics.p99.count());
    std::printf(
        "  %d swaps: changing p50 %.2f → %.2f ms, p99 %.2f → %.2f ms (%.2f ×); beside p99 %.2f → %.2f ms (%.2f ×)\n",
        swaps, steady.changing.latency.statistics.p50.count(), during.changing.latency.statistics.p50.count(),
        steady.changing.latency.statistics.p99.count(), during.changing.latency.statistics.p99.count(),
        ratios[0].back(), steady.beside.latency.statistics.p99.count(), during.beside.latency.statistics.p99.count(),
        ratios[1].back());
    std::fflush(stdout);
  }
  std::printf("  median: changing %.2f ×, beside %.2f ×; %lld of %lld requests not answered\n", median_of(ratios[0]),
              median_of(ratios[1]), static_cast<long long>(failed), static_cast<long long>(issued));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What serving costs on this machine");
  app.require_subcommand(1);
  std::string network = "fashion_cnn";
  double rate = 500.0, seconds = 2.0, load = 0.6;
  int rounds = 5, connections = 16, short_run_us = -1;
  bool pin = false;
  const auto add = [&](const char* name, const char* what, const std::function<void()>& run) {
    CLI::App* sub = app.add_subcommand(name, what);
    sub->add_option("--seconds", seconds, "of each load")->capture_default_str();
    sub->callback(run);
    return sub;
  };
  CLI::App* sub = add("overhead", "what HTTP adds to the runner in the process",
                      [&] { overhead(network, rate, seconds, rounds, short_run_us); });
  sub->add_option("--network", network, "of the zoo, or null")->capture_default_str();
  sub->add_option("--rate", rate)->capture_default_str();
  sub->add_option("--rounds", rounds)->capture_default_str();
  sub->add_option("--short-run-us", short_run_us, "see ServerOptions::short_run");
  sub = add("throughput", "requests per second of a null model on one core", [&] { throughput(seconds, connections); });
  sub->add_option("--connections", connections)->capture_default_str();
  add("generator", "the generator's own error", [&] { generator(seconds); });
  sub = add("swap", "latency while a version is exchanged", [&] { swap(network, load, seconds, rounds, pin); });
  sub->add_option("--network", network, "of the zoo")->capture_default_str();
  sub->add_option("--load", load, "share of what both models do side by side")->capture_default_str();
  sub->add_flag("--pin", pin, "each model on a core of its own");
  sub->add_option("--rounds", rounds)->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
