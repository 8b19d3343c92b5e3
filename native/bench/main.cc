// Runs the registered benchmarks (bench.h) and prints their medians; with --list, only their names.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/bench.h"

namespace gmem::bench {

namespace {

struct Benchmark {
  const char* name;
  Body body;
};

std::vector<Benchmark>& benchmarks() {
  static std::vector<Benchmark> list;
  return list;
}

double percentile(std::vector<double> samples, double part) {
  std::sort(samples.begin(), samples.end());
  return samples[static_cast<size_t>(part * static_cast<double>(samples.size() - 1) + 0.5)];
}

}  // namespace

Registration::Registration(const char* name, Body body) { benchmarks().push_back({name, body}); }

void Timer::book(const char* phase, Unit unit, uint64_t operations, double amount) {
  size_t i = 0;
  while (i < phases_.size() && phases_[i].name != phase) ++i;
  if (i == phases_.size()) {
    phases_.push_back({phase, unit, 0, {}});
    booked_.emplace_back();
  }
  booked_[i].operations += operations;
  booked_[i].amount += amount;
}

void Timer::finish_repetition(bool keep) {
  for (size_t i = 0; i < booked_.size(); ++i) {
    if (keep && booked_[i].operations > 0) {
      phases_[i].operations = booked_[i].operations;
      phases_[i].samples.push_back(booked_[i].amount / static_cast<double>(booked_[i].operations));
    }
    booked_[i] = Booked{};
  }
}

int run_all(int argc, char** argv) {
  bool json = false;
  int repetitions = 5;
  bool list = false;
  std::vector<const char*> parts;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[i], "--list") == 0) {
      list = true;
    } else if (std::strcmp(argv[i], "--repeat") == 0 && i + 1 < argc) {
      repetitions = std::max(1, std::atoi(argv[++i]));
    } else {
      parts.push_back(argv[i]);
    }
  }
  if (list) {
    for (const Benchmark& benchmark : benchmarks()) std::printf("%s\n", benchmark.name);
    return 0;
  }
  std::printf(json ? "[" : "%-78s %12s %12s %12s %12s\n", "benchmark", "operations", "median", "least", "most");
  bool first = true;
  for (const Benchmark& benchmark : benchmarks()) {
    bool wanted = parts.empty();
    for (const char* part : parts) wanted = wanted || std::strstr(benchmark.name, part) != nullptr;
    if (!wanted) continue;
    Timer timer;
    for (int repetition = 0; repetition <= repetitions; ++repetition) {
      benchmark.body(timer);
      timer.finish_repetition(repetition > 0);
    }
    for (const Phase& phase : timer.phases()) {
      const char* unit = phase.unit == Unit::kBytes ? "bytes" : "ns";
      const double median = percentile(phase.samples, 0.5);
      const double least = percentile(phase.samples, 0);
      const double most = percentile(phase.samples, 1);
      const std::string name = std::string(benchmark.name) + ": " + phase.name;
      const auto operations = static_cast<unsigned long long>(phase.operations);
      if (json) {
        std::printf("%s\n{\"name\":\"%s\",\"operations\":%llu,\"median_%s\":%.4f,\"least_%s\":%.4f,\"most_%s\":%.4f}",
                    first ? "" : ",", name.c_str(), operations, unit, median, unit, least, unit, most);
      } else {
        std::printf("%-78s %12llu %12.2f %12.2f %12.2f %s\n", name.c_str(), operations, median, least, most, unit);
        std::fflush(stdout);
      }
      first = false;
    }
  }
  if (json) std::printf("\n]\n");
  return first ? 1 : 0;
}

}  // namespace gmem::bench

int main(int argc, char** argv) { return gmem::bench::run_all(argc, argv); }
