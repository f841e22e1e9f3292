// fulcrum serve: a folder of models, over HTTP.

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include <unistd.h>

#include <fulcrum/core/file.hpp>
#include <fulcrum/core/utc.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/serve/access_rules.hpp>
#include <fulcrum/serve/server.hpp>
#include <fulcrum/serve/signed_model.hpp>
#include <fulcrum/serve/supervise.hpp>

#include "command.hpp"
#include "option_values.hpp"

using namespace fulcrum;

namespace {

struct ServeCommand {
  std::string config, log = "-";
  ServerOptions options;
  double idle_s = 60.0, transfer_s = 10.0, hang_ms = 500.0, drain_delay_s = 0.0, drain_timeout_s = 30.0;
  int workers = 1, short_run_us = 200;
  bool no_changes = false, not_quietly = false;
};

std::chrono::milliseconds milliseconds(double count) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(count));
}

/// Serves until a signal says to end.
/// \param tell  whether to say where on standard output
/// \return whether all requests were finished
bool serve_until_told(const ServerOptions& options, bool tell) {
  // Before any thread is started, so that all of them leave the signals to this one.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  static_cast<void>(pthread_sigmask(SIG_BLOCK, &ends, nullptr));
  std::signal(SIGPIPE, SIG_IGN);

  InferenceServer server(options);
  if (tell) {
    print(std::string("listening on http") + (options.tls_key.empty() ? "" : "s") + "://" + options.address + ":" +
          std::to_string(server.port()) + "\n");
    std::fflush(stdout);
  }
  for (const std::string& problem : server.load()) {
    if (tell) remark(problem);
  }
  if (tell) print("ready\n");
  std::fflush(stdout);
  int signal = 0;
  static_cast<void>(sigwait(&ends, &signal));
  const bool all = server.drain();
  if (!all) remark("requests that took longer than --drain-timeout were cut");
  return all;
}

/// What the files that are named cannot do is told before anything listens: a worker could only fail again and again.
void check_files(const ServerOptions& options) {
  const std::string& folder = options.repository.folder;
  std::error_code none;
  if (!std::filesystem::is_directory(folder, none))
    throw Error("--models " + folder, "is no folder", "give the folder of NAME/VERSION/model.onnx");
  if (!options.tokens.empty()) static_cast<void>(AccessRules::from_json(read_json_file(options.tokens)));
  for (const std::string& file : {options.tls_certificate, options.tls_key}) {
    if (!file.empty()) static_cast<void>(read_file(file, std::size_t{1} << 20U));
  }
  check_model_keys(options.model_keys);
}

void serve(const ServeCommand& command, ExitCode& exit_code) {
  ServerOptions options = command.options;
  options.limits.idle = milliseconds(1000.0 * command.idle_s);
  options.limits.transfer = milliseconds(1000.0 * command.transfer_s);
  options.hang_after = milliseconds(command.hang_ms);
  options.short_run = std::chrono::microseconds(command.short_run_us);
  options.drain_delay = milliseconds(1000.0 * command.drain_delay_s);
  options.drain_timeout = milliseconds(1000.0 * command.drain_timeout_s);
  options.changes = !command.no_changes;
  options.repository.quietly = !command.not_quietly;
  if (!command.config.empty()) {
    const nlohmann::json config = read_json_file(command.config);
    try {
      options.repository.defaults = model_settings_from_json(config);
    } catch (const Error& error) {
      throw Error(command.config + ": " + error.where(), error.problem(), error.remedy());
    }
  }
  check_files(options);
  options.log = [](std::string_view line) {
    std::string text(line);
    text += '\n';
    static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));  // one call: lines of threads stay whole
  };
  if (command.workers > 1) {
    if (options.port == 0) throw Error("--port", "is 0, but workers share a port", "give a number");
    options.share_port = true;
    options.changes = false;  // one worker would change, and the others not know
    const auto log = options.log;
    const int code = supervise(
        command.workers,
        [options](int worker) {
          try {
            return serve_until_told(options, worker == 0) ? 0 : 1;
          } catch (const std::exception& error) {
            if (worker == 0) remark(error.what());
            throw;
          }
        },
        [log](const WorkerEnd& end) {
          log(nlohmann::json{{"time", utc_now()},
                             {"event", end.again ? "worker_crashed" : "worker_ended"},
                             {"worker", end.worker},
                             {"process", end.process},
                             {"exit_code", end.exit_code},
                             {"signal", end.signal}}
                  .dump());
        });
    if (code != 0) exit_code = ExitCode::failure;
    return;
  }
  if (!serve_until_told(options, true)) exit_code = ExitCode::failure;
}

}  // namespace

void add_serve(CLI::App& app, ExitCode& exit_code) {
  auto command = std::make_shared<ServeCommand>();
  CLI::App* sub = app.add_subcommand("serve", "Serve a folder of models over HTTP (KServe v2)");
  ServerOptions& options = command->options;
  sub->add_option("--models", options.repository.folder, "a folder of NAME/VERSION/model.onnx")->required();
  sub->add_option("--host", options.address, "address to listen at; 0.0.0.0: on every network")->capture_default_str();
  sub->add_option("--port", options.port, "0: one that is free, which is printed")->capture_default_str();
  sub->add_option("--config", command->config,
                  "a plan of fulcrum plan, for models that have no config.json of their own");
  sub->add_option("--io-threads", options.io_threads, "threads that talk to clients")
      ->check(between(1, 1024))
      ->capture_default_str();
  sub->add_option("--short-run-us", command->short_run_us,
                  "inferences up to so long run on the thread that read them, where requests are far enough apart")
      ->check(between(0, 1000000))
      ->capture_default_str();
  sub->add_option(
         "--workers", command->workers,
         "processes that share the port, each with all models; one that crashes is started again. Their models "
         "cannot be changed by clients")
      ->check(between(1, 1024))
      ->capture_default_str();
  sub->add_option("--max-body", options.limits.body_bytes, "bytes of a request's body")
      ->transform(byte_size(1099511627776.0))
      ->default_str("64MiB");
  sub->add_option("--max-header", options.limits.header_bytes, "bytes of a request's header")
      ->check(between(512, 1'048'576))
      ->capture_default_str();
  sub->add_option("--max-connections", options.limits.connections, "open at the same time")
      ->check(between(1, 1e6))
      ->capture_default_str();
  sub->add_option("--idle-timeout", command->idle_s, "from a response to the next request's header, s")
      ->check(between(0.001, 86400.0))
      ->capture_default_str();
  sub->add_option("--transfer-timeout", command->transfer_s,
                  "for a body to come or a response to be taken, s, beside what its size needs at 128 KiB/s")
      ->check(between(0.001, 86400.0))
      ->capture_default_str();
  sub->add_option("--hang-after-ms", command->hang_ms, "an instance that runs longer is replaced")
      ->check(between(1.0, 3.6e6))
      ->capture_default_str();
  sub->add_option("--drain-delay", command->drain_delay_s,
                  "not ready, but still taking connections, for so long before ending, s")
      ->check(between(0, 86400.0))
      ->capture_default_str();
  sub->add_option("--drain-timeout", command->drain_timeout_s, "for requests to be finished when ending, s")
      ->check(between(0, 86400.0))
      ->capture_default_str();
  sub->add_option("--tokens", options.tokens, "a file of bearer tokens and their rights, reread when it changes");
  CLI::Option* certificate =
      sub->add_option("--tls-cert", options.tls_certificate, "certificate with its chain, PEM: serve https");
  CLI::Option* key = sub->add_option("--tls-key", options.tls_key, "its private key, PEM");
  certificate->needs(key);
  key->needs(certificate);
  sub->add_option("--model-key", options.model_keys,
                  "an Ed25519 public key, PEM: models must be signed with it; may be given several times");
  sub->add_option("--trace", options.trace_requests, "log one in so many inferences (default: none)")
      ->check(between(0, 1e18));
  sub->add_flag("--no-changes", command->no_changes, "clients may not load or unload models");
  sub->add_flag("--loud", command->not_quietly, "compile new versions at normal priority");
  sub->footer(
      "SIGTERM and SIGINT finish what was begun and end. docs/serving.md has the endpoints.\n\n"
      "Example:\n  fulcrum serve --models models --port 8080\n  curl localhost:8080/v2/models/NAME");
  sub->callback([command, &exit_code] { serve(*command, exit_code); });
}
