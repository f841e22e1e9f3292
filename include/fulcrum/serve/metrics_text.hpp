#pragma once
/// \file
/// Metrics in Prometheus' text format (version 0.0.4).

#include <memory>
#include <span>
#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/serve/served_version.hpp>

namespace fulcrum {

/// What a server counts beside its models.
struct ServerCounts {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  ///< too many were open
  std::int64_t connections_open = 0;
  std::uint64_t requests_unknown = 0;  ///< that named no model or nothing that is here
};

/// Counters and histograms, one series per version of a model.
FULCRUM_DECLARE [[nodiscard]] std::string metrics_text(std::span<const std::shared_ptr<ServedVersion>> versions,
                                                       const ServerCounts& counts);

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <array>
#include <charconv>
#include <string_view>

namespace fulcrum::detail {

class MetricsWriter {
public:
  std::string text;

  void head(std::string_view name, std::string_view type, std::string_view help) {
    text.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
    text.append(name).append(" ").append(type).append("\n");
  }
  void sample(std::string_view name, std::string_view labels, double value) {
    text.append(name);
    if (!labels.empty()) text.append("{").append(labels).append("}");
    text.append(" ").append(figure(value)).append("\n");
  }
  void histogram(const std::string& name, const std::string& labels, const LatencyHistogram::Snapshot& counts) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < LatencyHistogram::bounds; ++i) {
      below += counts.counts[i];
      // Bounds are two thirds of an octave apart here; which they are never changes, as adding up needs it.
      if (i % 2 == 0)
        sample(name + "_bucket", labels + ",le=\"" + figure(LatencyHistogram::bound(i).count()) + "\"",
               static_cast<double>(below));
    }
    below += counts.counts.back();
    sample(name + "_bucket", labels + ",le=\"+Inf\"", static_cast<double>(below));
    sample(name + "_sum", labels, counts.sum_s);
    sample(name + "_count", labels, static_cast<double>(below));
  }

private:
  static std::string figure(double value) {
    std::array<char, 32> digits{};
    return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
  }
};

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string metrics_text(std::span<const std::shared_ptr<ServedVersion>> versions,
                                        const ServerCounts& counts) {
  detail::MetricsWriter out;
  const auto labels = [](const ServedVersion& version) {  // neither needs an escape: they are names of folders
    return "model=\"" + version.model() + "\",version=\"" + version.version() + "\"";
  };
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out.head(name, type, help);
    for (const auto& version : versions) out.sample(name, labels(*version), static_cast<double>(value(*version)));
  };
  out.head("fulcrum_requests_total", "counter", "Inference requests by how they ended.");
  for (const auto& version : versions) {
    for (const ServedAs as : all_served_as) {
      out.sample("fulcrum_requests_total", labels(*version) + ",outcome=\"" + std::string(name_of(as)) + "\"",
                 static_cast<double>(version->metrics().counted(as)));
    }
  }
  const auto histogram = [&](const std::string& name, std::string_view help, auto which) {
    out.head(name, "histogram", help);
    for (const auto& version : versions) out.histogram(name, labels(*version), which(version->metrics()).snapshot());
  };
  histogram("fulcrum_request_seconds", "From a request's header to its response, of those that ended well.",
            [](const VersionMetrics& m) -> const LatencyHistogram& { return m.total; });
  histogram("fulcrum_queue_seconds", "Of a request in the queue.",
            [](const VersionMetrics& m) -> const LatencyHistogram& { return m.queue; });
  histogram("fulcrum_compute_seconds", "Of a request's batch while it ran.",
            [](const VersionMetrics& m) -> const LatencyHistogram& { return m.compute; });
  each("fulcrum_samples_total", "counter", "Samples that were run.",
       [](const ServedVersion& v) { return v.metrics().samples.load(); });
  each("fulcrum_batches_total", "counter", "Batches that were run.",
       [](const ServedVersion& v) { return static_cast<double>(v.metrics().batches_x1000.load()) / 1000.0; });
  each("fulcrum_cache_hits_total", "counter", "Requests answered from the cache of responses.",
       [](const ServedVersion& v) { return v.metrics().cache_hits.load(); });
  each("fulcrum_cache_misses_total", "counter", "Requests that the cache of responses had no answer for.",
       [](const ServedVersion& v) { return v.metrics().cache_misses.load(); });
  each("fulcrum_instance_replacements_total", "counter", "Instances replaced because they hung or threw.",
       [](const ServedVersion& v) { return v.metrics().replacements.load(); });
  each("fulcrum_requests_in_flight", "gauge", "Requests that are being answered.",
       [](const ServedVersion& v) { return v.metrics().in_flight.load(); });
  each("fulcrum_queue_length", "gauge", "Samples that wait for an instance.", [](const ServedVersion& v) {
    const auto runner = v.runner();
    return runner ? runner->runner().waiting() : std::int64_t{0};
  });
  each("fulcrum_batch_delay_seconds", "gauge", "How long a batch waits for company at the moment.",
       [](const ServedVersion& v) {
         const auto runner = v.runner();
         return runner ? Seconds(runner->runner().batch_delay()).count() : 0.0;
       });
  const auto one = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out.head(name, type, help);
    out.sample(name, "", static_cast<double>(value));
  };
  one("fulcrum_connections_accepted_total", "counter", "Connections that were accepted.", counts.connections_accepted);
  one("fulcrum_connections_refused_total", "counter", "Connections closed because too many were open.",
      counts.connections_refused);
  one("fulcrum_connections_open", "gauge", "Connections that are open.", counts.connections_open);
  one("fulcrum_requests_unknown_total", "counter", "Requests for what is not here.", counts.requests_unknown);
  return std::move(out.text);
}

}  // namespace fulcrum

#endif
