// What serving costs on this machine: what HTTP adds, how many requests a core takes, how well the generator keeps its
// schedule, what a swap of versions does to latency. README.md says how to read it.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/load/beside_runner.hpp>
#include <fulcrum/load/generate_load.hpp>
#include <fulcrum/load/runner_load.hpp>
#include <fulcrum/measure/statistics.hpp>
#include <fulcrum/serve/http_load.hpp>
#include <fulcrum/serve/server.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include "canned_server.hpp"
#include "loads.hpp"

using namespace fulcrum;
using namespace fulcrum::benchmark;
using namespace std::chrono_literals;

namespace {

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
  const CannedServer canned(R"({"inputs": [{"name": "input", "datatype": "FP32", "shape": [)" + shape + "]}]}",
                            std::string(150, ' '));
  const HttpLoad floor(ServedAt{"127.0.0.1", canned.port(), "m", ""});
  const std::vector<Latencies> turns = in_turns(model, runner, {http, floor}, rate, seconds, rounds);
  std::printf("%s, %zu bytes, %.0f requests/s, %d rounds in turns (medians)\n", network.c_str(), http.request_bytes(),
              rate, rounds);
  const char* names[] = {"runner in the process", "HTTP", "canned answers (floor)"};
  for (std::size_t i = 0; i < turns.size(); ++i) show(names[i], turns[i]);
  const std::vector<double> added = differences(turns[1].p50, turns[0].p50);
  std::printf("  HTTP adds %.1f µs p50 (%.1f above the floor)\n", median_of(added),
              median_of(differences(added, turns[2].p50)));
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

using Clock = std::chrono::steady_clock;

/// A request's way: from when it was due until its answer was there.
struct Way {
  Clock::time_point due, finished;
};

struct Ways {
  std::vector<Way> ways;
  std::int64_t failed = 0;
};

/// Poisson requests, each with its times on the clock.
Ways ways_of(const HttpLoad& http, double rate, double seconds, std::uint64_t seed) {
  const LoadOptions options = for_seconds(seconds, seed);
  const PoissonArrivals arrivals{rate};
  const std::vector<Seconds> due = arrival_times(arrivals, options.warm_up + options.duration, seed);
  struct Sent {
    Completion done;
    Clock::time_point at, finished;
  };
  std::vector<Sent> sent(due.size());
  const SubmitFunction submit = [&](std::int64_t sample, const Completion& done) {
    Sent& one = sent[static_cast<std::size_t>(sample)];
    one.done = done;
    one.at = Clock::now();
    return http(sample, [&one](const RequestOutcome& outcome) {
      one.finished = outcome.finished;
      one.done(outcome);
    });
  };
  const LoadReport report = generate_load(submit, Server{arrivals}, options);
  Ways result;
  result.failed = report.requests.issued - report.requests.done;
  Clock::time_point start = Clock::time_point::max();  // no request is sent before it is due
  const auto after = [&](std::size_t i) { return std::chrono::duration_cast<Clock::duration>(due[i]); };
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (sent[i].finished != Clock::time_point{}) start = std::min(start, sent[i].at - after(i));
  }
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (due[i] >= options.warm_up && sent[i].finished != Clock::time_point{})
      result.ways.push_back({start + after(i), sent[i].finished});
  }
  return result;
}

double percentile_ms(std::vector<double>& values, double share) {
  if (values.empty()) throw Error("a load", "has no request in some of the time", "give more --seconds");
  const auto at = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

/// Latency of two models side by side, of the requests that met a swap of one of them and of those that did not. Swaps
/// and pauses take turns some times a second, so that both kinds have the same neighbours on a machine of many.
/// \param pin    whether each model is kept on a core of its own
/// \param pause  between one swap's end and the next one's begin
void swap(const std::string& network, double load, double seconds, int rounds, bool pin,
          std::chrono::milliseconds pause) {
  constexpr std::chrono::milliseconds freeing(75);  // after a version was published: the one before is found unused
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
  const HttpLoad http[] = {at("changing"), at("beside")};
  // What both do at the same time: where cores share what bounds them, that is less than what each does alone.
  const auto capacity = [](const HttpLoad& one) {
    return generate_load(one, MultiStream{2}, for_seconds(2.0)).throughput_per_s;
  };
  auto of_other = std::async(std::launch::async, [&] { return capacity(http[1]); });
  const double mine = capacity(http[0]);
  const double rate = load * std::min(mine, of_other.get());
  std::printf("%s, two models, each %.0f requests/s (%.0f %% of what they do side by side), %s\n", network.c_str(),
              rate, 100.0 * load, pin ? "each on a core" : "not pinned");
  std::vector<double> p50[2], p99[2];  // with a swap ÷ without
  std::vector<double> all[2][2];       // [ms] of each model, without and with a swap
  std::vector<double> swap_ms;
  std::int64_t failed = 0, answered = 0;
  for (int round = 0; round < rounds; ++round) {
    std::atomic<bool> ending{false};
    std::vector<Way> swaps;
    std::thread swapper([&] {
      for (int version = 2; !ending; version = 3 - version) {
        std::this_thread::sleep_for(pause);
        const auto began = Clock::now();
        server.repository().load("changing", std::to_string(version));
        swap_ms.push_back(1000.0 * Seconds(Clock::now() - began).count());
        std::this_thread::sleep_for(freeing);
        swaps.push_back({began, Clock::now()});
      }
    });
    const auto seed = static_cast<std::uint64_t>(2 * round);
    auto other = std::async(std::launch::async, [&] { return ways_of(http[1], rate, seconds, seed + 1); });
    const Ways changing = ways_of(http[0], rate, seconds, seed), beside = other.get();
    ending = true;
    swapper.join();
    for (const Ways* ways : {&changing, &beside}) {
      const int which = ways == &beside ? 1 : 0;
      std::vector<double> without, with;  // [ms]
      for (const Way& way : ways->ways) {
        const bool met = std::any_of(swaps.begin(), swaps.end(), [&](const Way& swap) {
          return swap.due <= way.finished && way.due <= swap.finished;
        });
        (met ? with : without).push_back(1000.0 * Seconds(way.finished - way.due).count());
      }
      all[which][0].insert(all[which][0].end(), without.begin(), without.end());
      all[which][1].insert(all[which][1].end(), with.begin(), with.end());
      failed += ways->failed;
      answered += static_cast<std::int64_t>(ways->ways.size());
      const double was50 = percentile_ms(without, 0.5), was99 = percentile_ms(without, 0.99);
      const double is50 = percentile_ms(with, 0.5), is99 = percentile_ms(with, 0.99);
      p50[which].push_back(is50 / was50);
      p99[which].push_back(is99 / was99);
      std::printf("  %s %zu and %zu requests, p50 %.2f → %.2f ms, p99 %.2f → %.2f ms (%.2f ×)%s",
                  which == 0 ? "changing" : "beside", without.size(), with.size(), was50, is50, was99, is99,
                  p99[which].back(), which == 0 ? ";" : "\n");
    }
    std::fflush(stdout);
  }
  std::printf("  median (quartiles) of %d rounds, %zu swaps of %.0f ms: p99 of changing %s, of beside %s; p50 %s, %s\n",
              rounds, swap_ms.size(), median_of(swap_ms), with_quartiles(p99[0]).c_str(),
              with_quartiles(p99[1]).c_str(), with_quartiles(p50[0]).c_str(), with_quartiles(p50[1]).c_str());
  std::printf("  all rounds together: p99 of changing %.2f ×, of beside %.2f ×\n",
              percentile_ms(all[0][1], 0.99) / percentile_ms(all[0][0], 0.99),
              percentile_ms(all[1][1], 0.99) / percentile_ms(all[1][0], 0.99));
  std::printf("  %lld requests answered, %lld not\n", static_cast<long long>(answered), static_cast<long long>(failed));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What serving costs on this machine");
  app.require_subcommand(1);
  std::string network = "fashion_cnn";
  double rate = 500.0, seconds = 2.0, load = 0.6;
  int rounds = 5, connections = 16, short_run_us = -1, pause_ms = 150;
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
  sub = add("swap", "latency while a version is exchanged",
            [&] { swap(network, load, seconds, rounds, pin, std::chrono::milliseconds(pause_ms)); });
  sub->add_option("--network", network, "of the zoo")->capture_default_str();
  sub->add_option("--load", load, "share of what both models do side by side")->capture_default_str();
  sub->add_option("--pause-ms", pause_ms, "between two swaps")->capture_default_str();
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
