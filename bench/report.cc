#include "bench/report.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

namespace carpool::bench {
namespace {

constexpr double kNsPerSecond = 1e9;

// Prints like the usual reporter and notes the figures.
class NotingReporter : public benchmark::ConsoleReporter {
 public:
  explicit NotingReporter(Figures& figures)
      : ConsoleReporter(isatty(fileno(stdout)) ? OO_Defaults : OO_Tabular), figures_(figures) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.error_occurred) failed_ = true;
      const bool is_median = run.run_type == Run::RT_Aggregate && run.aggregate_name == "median";
      const bool stands_alone = run.run_type == Run::RT_Iteration && run.repetitions <= 1;
      if (!run.error_occurred && (is_median || stands_alone)) note(run);
    }
  }

  [[nodiscard]] bool failed() const { return failed_; }

 private:
  void note(const Run& run) {
    const std::string name = short_name(run.run_name);
    const double to_ns = kNsPerSecond / benchmark::GetTimeUnitMultiplier(run.time_unit);
    figures_.set(name + ":real_ns", run.GetAdjustedRealTime() * to_ns);
    figures_.set(name + ":cpu_ns", run.GetAdjustedCPUTime() * to_ns);
    for (const auto& [counter, value] : run.counters)
      figures_.set(name + ":" + counter, value.value);
  }

  // What is measured, without how often and how long.
  static std::string short_name(const benchmark::BenchmarkName& full) {
    std::string name = full.function_name;
    for (const std::string& part : {full.args, full.threads}) {
      if (!part.empty()) name += "/" + part;
    }
    return name;
  }

  Figures& figures_;
  bool failed_ = false;
};

// Takes `--figures FILE` (or --figures=FILE) out of the arguments.
std::string take_figures_option(std::vector<char*>& arguments) {
  constexpr const char* kOption = "--figures";
  const std::size_t length = std::strlen(kOption);
  for (auto at = arguments.begin(); at != arguments.end(); ++at) {
    if (std::strncmp(*at, kOption, length) != 0) continue;
    if ((*at)[length] == '=') {
      const std::string file = *at + length + 1;
      arguments.erase(at);
      return file;
    }
    if ((*at)[length] == '\0' && at + 1 != arguments.end()) {
      const std::string file = *(at + 1);
      arguments.erase(at, at + 2);
      return file;
    }
  }
  return "";
}

std::string quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::optional<double> Figures::get(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

std::string Figures::to_json() const {
  std::string json = "{";
  for (const auto& [name, value] : values_) {
    char number[32];
    std::snprintf(number, sizeof number, "%.6g", value);
    json += (json.size() > 1 ? ",\n " : "\n ") + quoted(name) + ": " +
            (std::isfinite(value) ? number : "null");
  }
  return json + "\n}\n";
}

int run(int argc, char** argv, const Conclude& conclude) {
  std::vector<char*> arguments(argv, argv + argc);
  const std::string file = take_figures_option(arguments);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;

  Figures figures;
  NotingReporter reporter(figures);
  benchmark::RunSpecifiedBenchmarks(&reporter);
  if (conclude) conclude(figures);
  if (!file.empty() && !(std::ofstream(file) << figures.to_json())) {
    std::fprintf(stderr, "cannot write %s\n", file.c_str());
    return 1;
  }
  return reporter.failed() ? 1 : 0;
}

}  // namespace carpool::bench
