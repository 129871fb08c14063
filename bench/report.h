// The main() of a benchmark program: runs Google Benchmark as usual, keeps what it reports, lets
// the program draw its conclusions (a table of ratios), and with `--figures FILE` writes everything
// as one flat JSON object, for tools/bench and for comparing runs.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace carpool::bench {

// Name of a figure -> value. A benchmark's own are "BENCHMARK:real_ns", ":cpu_ns" and
// ":COUNTER"; where it ran with repetitions, their medians.
class Figures {
 public:
  void set(const std::string& name, double value) { values_[name] = value; }
  [[nodiscard]] std::optional<double> get(const std::string& name) const;
  [[nodiscard]] std::string to_json() const;

 private:
  std::map<std::string, double> values_;
};

using Conclude = std::function<void(Figures&)>;  // prints to standard output, may add figures

// Returns the exit status.
int run(int argc, char** argv, const Conclude& conclude = {});

}  // namespace carpool::bench
