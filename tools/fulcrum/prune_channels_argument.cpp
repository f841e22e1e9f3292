#include "prune_channels_argument.hpp"

#include <charconv>

#include <fulcrum/data/dataset.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/plan/measured_latency.hpp>
#include <fulcrum/plan/model_cost.hpp>
#include <fulcrum/plan/prune_to_latency.hpp>
#include <fulcrum/train/taylor_saliency.hpp>

#include "command.hpp"
#include "option_values.hpp"
#include "profile_argument.hpp"

using namespace fulcrum;

namespace {

/// The number behind the '='.
double number_behind(const std::string& text, std::size_t at) {
  double number = 0.0;
  const char* const last = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data() + at + 1, last, number);
  if (failure != std::errc() || end != last || !(number > 0.0))
    throw Error("--prune-channels " + text, "has no number above 0 after the =");
  return number;
}

}  // namespace

void PruneChannelsArgument::add_to(CLI::App& command) {
  command.add_option("--prune-channels", text,
                     "takes whole channels out, with all that depends on them, until flops=SHARE of the FLOPs is left "
                     "(0.5, say), or latency-ms=X is reached, as predicted and measured here");
  command.add_option("--saliency", saliency, "which channels matter: l1, l2, bn, or taylor (needs --data)")
      ->check(CLI::IsMember({"l1", "l2", "bn", "taylor"}))
      ->capture_default_str();
  command
      .add_option("--channel-scope", scope,
                  "layer: all lose the same share of their channels; global: the least salient of all go first")
      ->check(CLI::IsMember({"layer", "global"}))
      ->capture_default_str();
  command
      .add_option("--channel-multiple", multiple,
                  "what widths are left a multiple of (default: the floats of a vector of this CPU)")
      ->check(between(1, 65536));
  command.add_option("--keep-channels", skip, "a layer whose channels all stay; once for each");
  command.add_option("--profile", profile, "a profile of this machine, for latency-ms (default: as for predict)");
  run.add_to(command);
}

PruneChannelsOptions PruneChannelsArgument::options() const {
  PruneChannelsOptions result;
  result.saliency = channel_saliency_from(saliency);
  result.scope = prune_scope_from(scope);
  result.skip = skip;
  result.multiple = multiple > 0 ? multiple : current_machine().has("avx512") ? 16 : 8;
  return result;
}

PruneChannelsResult<float> PruneChannelsArgument::prune(const Model<float>& model, const std::string& data) const {
  const PruneChannelsOptions options = this->options();
  const bool by_flops = text.starts_with("flops=");
  if (!by_flops && !text.starts_with("latency-ms="))
    throw Error("--prune-channels " + text, "says neither how many FLOPs nor what latency",
                "give flops=SHARE or latency-ms=X");
  const double target = number_behind(text, text.find('='));
  if (by_flops && target >= 1.0)
    throw Error("--prune-channels " + text, "leaves all FLOPs", "give the share that may be left, below 1");
  if (options.saliency == ChannelSaliency::taylor && data.empty())
    throw Error("--saliency taylor", "needs samples to find gradients on", "give --data");

  const ChannelDependencies dependencies = channel_dependencies(model);
  const std::vector<double> salient = options.saliency == ChannelSaliency::taylor
                                          ? taylor_saliency(model, dependencies, load_dataset(data, Split::train))
                                          : channel_saliency(model, dependencies, options.saliency);
  if (by_flops) {
    const ModelCost<float> flops = [](const Model<float>& m) { return total_work(m, 1).flops; };
    return prune_channels(model, options, dependencies, salient, flops, target * flops(model));
  }
  const MachineProfile machine = profile_for_this_machine(profile);
  const RunConfig config = run.for_model(model);
  PruneToLatencyResult found = prune_to_latency(
      model, options, dependencies, salient, predicted_latency_ms(config, machine),
      [&](const Model<float>& m) { return measured_latency_ms(m, config); }, target);
  remark("measured " + format_latency(Milliseconds(*found.measured_ms)) + " of " +
         format_latency(Milliseconds(target)) + "; predictions were multiplied by " +
         detail::formatted("%.2f", found.correction) + ", what this model takes for what is predicted");
  return std::move(found.pruned);
}
