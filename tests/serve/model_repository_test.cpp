#include <fulcrum/serve/model_repository.hpp>

#include <support/catch.hpp>
#include <support/served_models.hpp>

using namespace fulcrum;

namespace {

int status_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const RequestError& error) {
    return error.status();
  }
  return 200;
}

}  // namespace

TEST_CASE("names of models are plain") {
  for (const char* good : {"a", "resnet-50", "A_b.c9"}) CHECK(is_model_name(good));
  for (const char* bad : {"", ".", "..", ".hidden", "a/b", "a b", "ä", "a\"b"}) CHECK_FALSE(is_model_name(bad));
}

TEST_CASE("a repository loads the newest version, and publishes when it is ready") {
  test::ServedModels models;
  models.put("small", "2", test::small_network(2));
  models.put("small", "10", test::small_network(10));
  models.write("small/notes/readme.txt", "no version");
  models.write("broken/1/model.onnx", "this is no model");
  ModelRepository repository(models.options().repository);
  CHECK(repository.names() == std::vector<std::string>{"broken", "small"});
  CHECK(repository.versions_in_folder("small") == std::vector<std::string>{"2", "10"});
  const std::vector<std::string> problems = repository.load_all();
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0], ContainsSubstring("broken"));
  CHECK(repository.find("small")->version() == "10");
  CHECK(status_of([&] { static_cast<void>(repository.find("small", "2")); }) == 503);
  CHECK(status_of([&] { static_cast<void>(repository.find("small", "3")); }) == 404);
  CHECK(status_of([&] { static_cast<void>(repository.find("other")); }) == 404);
  CHECK(status_of([&] { static_cast<void>(repository.find("../small")); }) == 404);
  CHECK(status_of([&] { static_cast<void>(repository.find("broken")); }) == 503);

  repository.load("small", "2");
  CHECK(repository.find("small")->version() == "2");
  CHECK(repository.publish("small") == "10");
  CHECK(repository.find("small")->version() == "10");
  CHECK(repository.publish("small") == "2");
  CHECK(status_of([&] { static_cast<void>(repository.publish("small", "7")); }) == 404);

  const std::vector<VersionStatus> index = repository.index();
  REQUIRE(index.size() == 3);
  CHECK_FALSE(index[0].ready);
  CHECK_THAT(index[0].reason, ContainsSubstring("model.onnx"));
  CHECK(index[1].current);
  CHECK(index[2].ready);
}

TEST_CASE("a version that cannot run is refused, and the one before goes on") {
  test::ServedModels models;
  models.put("small", "1", test::small_network(1));
  ModelRepository repository(models.options().repository);
  repository.load("small");
  models.write("small/2/model.onnx", "damaged");
  CHECK_THROWS_AS(repository.load("small"), Error);
  CHECK(repository.find("small")->version() == "1");
  models.put("small", "3", test::small_network(3));
  models.write("small/3/config.json", R"({"batching": {"max_batch": -1}})");
  CHECK_THROWS_WITH(repository.load("small"), ContainsSubstring("config.json: batching.max_batch"));
  CHECK(repository.find("small")->version() == "1");
  models.write("small/3/config.json", R"({"batching": {"max_batch": 2}})");
  repository.load("small");
  CHECK(repository.find("small")->settings().batching.max_batch == 2);
}

TEST_CASE("what is unloaded is freed once nobody has it") {
  test::ServedModels models;
  models.put("small", "1", test::small_network(1));
  models.put("small", "2", test::small_network(2));
  ModelRepository repository(models.options().repository);
  repository.load("small", "1");
  std::weak_ptr<ServedVersion> old;
  {
    const std::shared_ptr<ServedVersion> used = repository.find("small");
    old = used;
    repository.load("small", "2");
    repository.unload("small", "1");
    repository.collect();
    CHECK_FALSE(old.expired());
  }
  repository.collect();
  CHECK(old.expired());
  CHECK(status_of([&] { repository.unload("small", "1"); }) == 404);
  repository.unload("small");
  CHECK(status_of([&] { static_cast<void>(repository.find("small")); }) == 503);
}

TEST_CASE("a check may refuse a version before it is read") {
  test::ServedModels models;
  models.put("small", "1", test::small_network(1));
  RepositoryOptions options = models.options().repository;
  options.check = [](const std::string& folder) { throw Error(folder, "is not signed"); };
  ModelRepository repository(options);
  CHECK_THROWS_WITH(repository.load("small"), ContainsSubstring("is not signed"));
}
