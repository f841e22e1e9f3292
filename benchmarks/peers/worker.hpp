#pragma once
/// \file
/// ONNX Runtime in a process of its own (onnxruntime_worker.mjs), asked in lines of JSON.

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/file.hpp>

#include "turns.hpp"

extern char** environ;

namespace fulcrum::peers {

/// The answer in one line of the worker.
/// \throws Error with its message when that is what it answers, or when the line is no JSON object
[[nodiscard]] inline nlohmann::json parse_answer(std::string_view line) {
  nlohmann::json answer = nlohmann::json::parse(line, nullptr, false);
  if (!answer.is_object()) throw Error("ONNX Runtime's process", "answered '" + std::string(line) + "'");
  if (const auto error = answer.find("error"); error != answer.end()) {
    throw Error("ONNX Runtime", error->is_string() ? error->get<std::string>() : error->dump());
  }
  return answer;
}

/// Times of an answer to "run".
[[nodiscard]] inline Samples times_of(const nlohmann::json& answer) {
  Samples times;
  for (const nlohmann::json& time : answer.at("times_ns")) times.emplace_back(time.get<std::int64_t>());
  return times;
}

/// The process, as long as this lives.
class Worker {
public:
  /// \param script  path of onnxruntime_worker.mjs
  /// \throws Error when node cannot be started
  explicit Worker(const std::string& script) {
    int to_worker[2];
    int from_worker[2];
    if (::pipe2(to_worker, O_CLOEXEC) != 0) throw Error("pipe", std::strerror(errno));
    const fulcrum::detail::FileDescriptor its_input(to_worker[0]);
    requests_ = to_worker[1];
    if (::pipe2(from_worker, O_CLOEXEC) != 0) throw Error("pipe", std::strerror(errno));
    const fulcrum::detail::FileDescriptor its_output(from_worker[1]);
    answers_.reset(::fdopen(from_worker[0], "r"));

    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, its_input.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, its_output.get(), STDOUT_FILENO);
    std::string node = "node";
    std::string path = script;
    char* arguments[] = {node.data(), path.data(), nullptr};
    const int error = ::posix_spawnp(&process_, "node", &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      ::close(requests_);
      throw Error("node", "cannot be started (" + std::string(std::strerror(error)) + ")", "install nodejs");
    }
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    static_cast<void>(fulcrum::detail::write_all(requests_, "{\"command\": \"quit\"}\n"));
    ::close(requests_);
    ::waitpid(process_, nullptr, 0);
  }

  /// \throws Error when the worker answers with one or has ended
  nlohmann::json ask(const nlohmann::json& request) {
    const std::string text = request.dump() + "\n";
    char* line = nullptr;
    std::size_t room = 0;
    const bool sent = fulcrum::detail::write_all(requests_, text);
    const ssize_t length = sent ? ::getline(&line, &room, answers_.get()) : -1;
    const std::unique_ptr<char, decltype(&std::free)> owner(line, &std::free);
    if (length <= 0) {
      throw Error("ONNX Runtime's process", "ended at '" + request.at("command").get<std::string>() + "'",
                  "run benchmarks/peers/run.sh, which installs it; its own messages are above");
    }
    return parse_answer(std::string_view(line, static_cast<std::size_t>(length)));
  }

  /// The times of a session's runs in a turn.
  [[nodiscard]] Samples run(const std::string& session, const Turn& turn) {
    return times_of(ask({{"command", "run"},
                         {"session", session},
                         {"warmup_ms", Milliseconds(turn.warmup).count()},
                         {"fewest_warmup_runs", Turn::fewest_warmup_runs},
                         {"time_ms", Milliseconds(turn.time).count()},
                         {"fewest_runs", Turn::fewest_runs}}));
  }

private:
  int requests_ = -1;
  std::unique_ptr<std::FILE, decltype(&std::fclose)> answers_{nullptr, &std::fclose};
  pid_t process_ = -1;
};

}  // namespace fulcrum::peers
