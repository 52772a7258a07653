// SPDX-License-Identifier: Apache-2.0

// A filter in C++ for the tests of packages host and trial. It needs no SDK, and does as that for C++ does: filters register
// themselves by their root id while static objects are made, and a root id that none has gets a filter that does nothing.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#define IMPORT(name) extern "C" __attribute__((import_module("env"), import_name(#name))) uint32_t name
#define EXPORT(result, name) extern "C" __attribute__((export_name(#name), used)) result name

IMPORT(proxy_get_property)(const char *path, size_t pathSize, const char **value, size_t *valueSize);
IMPORT(proxy_get_buffer_bytes)(uint32_t buffer, size_t start, size_t length, const char **data, size_t *size);
IMPORT(proxy_add_header_map_value)(uint32_t map, const char *name, size_t nameSize, const char *value, size_t valueSize);

namespace filters {

class Filter {
public:
  virtual ~Filter() = default;
  virtual bool configure(const std::string &) { return true; }
  virtual void responseHeaders() {}
};

using Factory = std::unique_ptr<Filter> (*)();

std::unordered_map<std::string, Factory> &factories() {
  static std::unordered_map<std::string, Factory> all;
  return all;
}

// Hello adds a header to responses: its configuration, or the variable GREETING.
class Hello : public Filter {
public:
  static std::unique_ptr<Filter> make() { return std::make_unique<Hello>(); }

  bool configure(const std::string &configuration) override {
    greeting = configuration;
    if (const char *variable = std::getenv("GREETING"); greeting.empty() && variable != nullptr)
      greeting = variable;
    if (greeting == "abort")
      giveUp();
    if (greeting == "grow")
      greeting = std::string(8 << 20, 'x').substr(0, 4);
    if (greeting.empty())
      std::fprintf(stderr, "there is no greeting, %u filters know one\n", static_cast<unsigned>(factories().size()));
    return !greeting.empty();
  }

  void responseHeaders() override {
    constexpr uint32_t map = 2;
    const std::string name = "hello";
    std::string value = greeting;
    if (std::chrono::steady_clock::now().time_since_epoch().count() <= 0)
      value = "there is no clock";
    proxy_add_header_map_value(map, name.data(), name.size(), value.data(), value.size());
  }

private:
  [[noreturn]] __attribute__((noinline)) void giveUp() { std::abort(); }

  std::string greeting;
};

const bool registered = factories().emplace("hello", &Hello::make).second;

// The filters by the id of their root context, which streams have too.
std::unordered_map<uint32_t, std::shared_ptr<Filter>> contexts;

std::string take(const char *data, size_t size) {
  std::string text(data == nullptr ? "" : data, size);
  std::free(const_cast<char *>(data));
  return text;
}

std::shared_ptr<Filter> make() {
  constexpr std::string_view path = "plugin_root_id";
  const char *data = nullptr;
  size_t size = 0;
  proxy_get_property(path.data(), path.size(), &data, &size);
  const auto found = factories().find(take(data, size));
  return found == factories().end() ? std::make_shared<Filter>() : std::shared_ptr<Filter>(found->second());
}

} // namespace filters

EXPORT(void, proxy_abi_version_0_2_1)() {}

EXPORT(void, proxy_on_context_create)(uint32_t id, uint32_t root) {
  filters::contexts[id] = root == 0 ? filters::make() : filters::contexts[root];
}

EXPORT(uint32_t, proxy_on_configure)(uint32_t id, size_t) {
  constexpr uint32_t buffer = 7;
  const char *data = nullptr;
  size_t size = 0;
  proxy_get_buffer_bytes(buffer, 0, SIZE_MAX, &data, &size);
  return filters::contexts[id]->configure(filters::take(data, size)) ? 1 : 0;
}

EXPORT(uint32_t, proxy_on_response_headers)(uint32_t id, uint32_t, uint32_t) {
  filters::contexts[id]->responseHeaders();
  return 0;
}

EXPORT(void, proxy_on_delete)(uint32_t id) { filters::contexts.erase(id); }
