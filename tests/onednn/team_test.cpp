#include <fulcrum/onednn/team.hpp>

#include <algorithm>
#include <atomic>
#include <vector>

#include <fulcrum/exec/onednn_model.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/threads.hpp>

using namespace fulcrum;

TEST_CASE("the parts of a loop on a team make up the whole, each position once") {
  for (const int threads : {1, 2, 3}) {
    for (const std::int64_t count : {0, 1, 2, 7, 100}) {
      INFO(threads << " threads, " << count << " positions");
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
      detail::for_parts(threads, count, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      CHECK(std::all_of(visits.begin(), visits.end(), [](const auto& n) { return n == 1; }));
    }
  }
}

TEST_CASE("a team that is released leaves no thread behind, and the next loop has one again") {
  bool has_team = false;
  bool is_gone = false;
  std::atomic<int> parts{0};
  const auto loop = [&] { detail::for_parts(3, 3, [&](std::int64_t, std::int64_t) { ++parts; }); };
  test::on_new_thread([&] {
    const std::size_t before = test::threads_of_process();
    loop();
    has_team = test::threads_become(before + 2);
    detail::release_team();
    is_gone = test::threads_become(before);
    loop();
  });
  CHECK(has_team);
  CHECK(is_gone);
  CHECK(parts == 6);
}

TEST_CASE("compiling a model leaves no threads that wait among those which run it") {
  const Model<float> model = ModelBuilder<float>("m").input({64, 8, 8}).conv(64, 3).relu().flatten().dense(512).build();
  bool is_gone = false;
  test::on_new_thread([&] {
    const std::size_t before = test::threads_of_process();
    const auto compiled = OnednnModel::compile(model, {.batch = 4, .threads = 3});
    is_gone = test::threads_become(before);
  });
  CHECK(is_gone);
}

TEST_CASE("phased work does each item of each phase once, after all of the phase before") {
  constexpr std::int64_t items = 7, phases = 50;
  for (const int threads : {1, 2, 5}) {
    detail::PhasedWork work(threads);
    for (int run = 0; run < 2; ++run) {
      std::vector<std::atomic<std::int64_t>> done(static_cast<std::size_t>(items));
      std::atomic<bool> in_order{true};
      work.begin(items);
      detail::in_team(threads, [&](std::int64_t thread) {
        for (std::int64_t phase = 0; phase < phases; ++phase) {
          work.run(thread, phase, phase % 3 == 0, [&](std::int64_t item) {
            for (const auto& count : done) {
              if (count < phase) in_order = false;
            }
            ++done[static_cast<std::size_t>(item)];
          });
        }
      });
      CHECK(in_order);
      for (const auto& count : done) CHECK(count == phases);
    }
  }
}
