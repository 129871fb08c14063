"""The build directories of the test run, and the meson tests inside them."""

import json
import shutil
from dataclasses import dataclass, field

from .command import ROOT, Outcome, run

BUILD_LIMIT_S = 45 * 60
TEST_LIMIT_S = 10 * 60


# Tests of this meson suite run threads against each other: the ones that ThreadSanitizer has
# something to say about.
THREADED_SUITE = "threads"


def suites_of(test: dict) -> list[str]:
    return [suite.split(":")[-1] for suite in test["suite"]]


# Where ccache is installed, Meson uses it; with precompiled headers it works when told that macros
# before them do not matter: GCC itself sees to that.
CCACHE = {"CCACHE_SLOPPINESS": "pch_defines,time_macros"}


@dataclass(frozen=True)
class Build:
    name: str  # prefix of its items; empty for the release build
    directory: str
    options: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    def configure(self) -> Outcome:
        """Sets the directory up, or brings it up to date with its meson.build files. One that was
        set up in another way than today's starts again from nothing."""
        directory = ROOT / self.directory
        record = directory / "tools-test-setup.json"
        settings = json.dumps([self.options, self.env])
        exists = (directory / "build.ninja").exists()
        if exists and (self is RELEASE or record.exists() and record.read_text() == settings):
            return self.compile(["build.ninja"])
        if exists:
            shutil.rmtree(directory)
        outcome = run(["meson", "setup", self.directory, *self.options], BUILD_LIMIT_S, self.env)
        if outcome.ok:
            record.write_text(settings)
        return outcome

    def compile(self, targets: list[str] | None = None) -> Outcome:
        command = ["ninja", "-C", self.directory, *(targets or [])]
        return run(command, BUILD_LIMIT_S, {**CCACHE, **self.env})

    def introspect(self, what: str) -> list[dict]:
        outcome = run(["meson", "introspect", self.directory, f"--{what}"], 60)
        return json.loads(outcome.log) if outcome.ok else []

    def tests(self, suite: str | None = None) -> list[str]:
        """Names of the meson tests, of one suite or of all."""
        return [
            test["name"]
            for test in self.introspect("tests")
            if suite is None or suite in suites_of(test)
        ]

    def alone(self) -> set[str]:
        """Names of the meson tests that need the machine to themselves: those that say so, and
        those whose threads run against each other."""
        return {
            test["name"]
            for test in self.introspect("tests")
            if not test["is_parallel"] or THREADED_SUITE in suites_of(test)
        }

    def run_test(self, name: str) -> Outcome:
        """Runs one meson test, building nothing; the log is the test's own output."""
        outcome = run(
            ["meson", "test", "-C", self.directory, "--no-rebuild", "--print-errorlogs"]
            + ["--logbase", f"testlog-{name}", name],
            TEST_LIMIT_S,
            self.env,
        )
        record = ROOT / self.directory / "meson-logs" / f"testlog-{name}.json"
        if outcome.ok or not record.exists():
            return outcome
        last = json.loads(record.read_text().splitlines()[-1])
        return outcome._replace(log=(last.get("stdout") or "") + (last.get("stderr") or ""))


# Instrumented code takes long to compile: light optimisation and line numbers alone halve that. Its
# warnings are mostly about the instrumentation; the release build has had its say by then.
INSTRUMENTED = [
    "-Doptimization=1",
    "-Ddebug=true",
    "-Dcpp_args=-g1",
    "-Dwerror=false",
    "-Dpure_only=true",
    "-Dbench=false",
]

RELEASE = Build("", "build")
# One compilation for the tests and for the fuzz targets, which need clang.
ADDRESS_SANITIZER = Build(
    "asan",
    "build-asan",
    ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dfuzz=true", *INSTRUMENTED],
    {
        "CC": "clang-19",
        "CXX": "clang++-19",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "ASAN_OPTIONS": "detect_stack_use_after_return=1",
        # Memory errors show in any seed; the release build tries them all.
        "CARPOOL_SIM_SEEDS": "30",
    },
)
THREAD_SANITIZER = Build(
    "tsan",
    "build-tsan",
    ["-Db_sanitize=thread", *INSTRUMENTED],
    {"TSAN_OPTIONS": "halt_on_error=1"},
)
