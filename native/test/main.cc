// Runs the registered tests (test.h).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "test/test.h"

namespace gmem::test {

namespace {

struct Test {
  const char* name;
  Body body;
};

std::vector<Test>& tests() {
  static std::vector<Test> list;
  return list;
}

constexpr int kMostFailuresShown = 8;
uint64_t run_seed = 0;
int failures_of_test = 0;

}  // namespace

Registration::Registration(const char* name, Body body) { tests().push_back({name, body}); }

void fail(const char* file, int line, const std::string& what) {
  if (++failures_of_test > kMostFailuresShown) return;
  std::printf("%s:%d: %s\n", file, line, what.c_str());
}

bool failed() { return failures_of_test > 0; }

uint64_t seed_for(uint64_t purpose) { return run_seed ^ purpose * 0x9e3779b97f4a7c15U; }

int run_all(int argc, char** argv) {
  std::vector<const char*> parts;
  run_seed = std::random_device{}();
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
      run_seed = std::strtoull(argv[++i], nullptr, 0);
    } else {
      parts.push_back(argv[i]);
    }
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 4096);  // what was said before a crash is not lost
  std::printf("seed %llu\n", static_cast<unsigned long long>(run_seed));
  int passed = 0;
  int failed_tests = 0;
  for (const Test& test : tests()) {
    bool wanted = parts.empty();
    for (const char* part : parts) wanted = wanted || std::strstr(test.name, part) != nullptr;
    if (!wanted) continue;
    failures_of_test = 0;
    test.body();
    std::printf("%s %s\n", failures_of_test == 0 ? "ok  " : "FAIL", test.name);
    ++(failures_of_test == 0 ? passed : failed_tests);
  }
  std::printf("%d passed, %d failed\n", passed, failed_tests);
  return passed > 0 && failed_tests == 0 ? 0 : 1;
}

}  // namespace gmem::test

int main(int argc, char** argv) { return gmem::test::run_all(argc, argv); }
