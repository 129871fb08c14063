"""tools/test: every check, build, test, fuzz target and lab scenario, in order, with a count at the
end."""

import argparse
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from .build import ADDRESS_SANITIZER, RELEASE, THREADED_SUITE, THREAD_SANITIZER, Build
from .command import ROOT, Outcome, run
from .report import Report

FUZZ_SECONDS = 20
FUZZ_SOURCES = ROOT / "tests/fuzz"
SCENARIO_LIMIT_S = 5 * 60


def fuzz_runs(outcome: Outcome) -> str:
    runs = re.search(r"Done (\d+) runs", outcome.log)
    return f"{runs[1]} runs" if runs else ""


class TestRun:
    def __init__(self, only: str | None):
        self.report = Report()
        self.only = re.compile(only) if only else None
        self.release_built = False

    def wanted(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if self.only is None or self.only.search(name)]

    def add(self, name: str, outcome: Outcome, note: str = "") -> bool:
        self.report.add(name, outcome.ok, outcome.seconds, outcome.log, note)
        return outcome.ok

    def two_at_a_time(
        self,
        names: list[str],
        work: Callable[[str], Outcome],
        note: Callable[[Outcome], str] = lambda _: "",
    ) -> None:
        """Two, as the smallest machine that this is made for has two cores."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            for name, outcome in zip(names, pool.map(work, names)):
                self.add(name, outcome, note(outcome))

    def checks(self) -> None:
        checks = {"check format": "tools/check-format", "check layering": "tools/check-layering"}
        self.report.heading("checks")
        for name in self.wanted(checks):
            self.add(name, run([checks[name]], 300))

    def prepare(self, build: Build) -> bool:
        """Configures the build; a failure counts as a failed item."""
        outcome = build.configure()
        return outcome.ok or self.add(f"configure {build.directory}", outcome)

    def compile(self, build: Build, targets: list[str] | None = None) -> bool:
        ok = self.add(f"build {build.directory}", build.compile(targets))
        self.release_built |= ok and build is RELEASE
        return ok

    def meson_tests(self, build: Build, suite: str | None = None) -> None:
        """Builds what the wanted tests need and runs them, each as one item."""
        self.report.heading(f"tests in {build.directory}")
        if not self.prepare(build):
            return
        names = {" ".join(filter(None, (build.name, test))): test for test in build.tests(suite)}
        wanted = self.wanted(names)
        if not wanted or not self.compile(
            build, self.programs_of(build, [names[name] for name in wanted])
        ):
            return
        alone = build.alone()
        self.two_at_a_time(
            [name for name in wanted if names[name] not in alone],
            lambda name: build.run_test(names[name]),
        )
        for name in wanted:
            if names[name] in alone:
                self.add(name, build.run_test(names[name]))

    def programs_of(self, build: Build, tests: list[str]) -> list[str] | None:
        """The ninja targets that these tests depend on. The release build makes everything,
        always."""
        if build is RELEASE:
            return None
        ids = {
            dep
            for test in build.introspect("tests")
            if test["name"] in tests
            for dep in test["depends"]
        }
        prefix = f"{ROOT / build.directory}/"
        return [
            name.removeprefix(prefix)
            for target in build.introspect("targets")
            if target["id"] in ids
            for name in target["filename"]
        ]

    def fuzz(self) -> None:
        """Runs each program of tests/fuzz for a while, starting from its seeds in
        tests/fuzz/corpus/NAME."""
        self.report.heading(f"fuzz targets, {FUZZ_SECONDS} s each")
        if not self.prepare(ADDRESS_SANITIZER):
            return
        prefix = f"{ROOT / ADDRESS_SANITIZER.directory}/"
        programs = {
            f"fuzz {target['name'].removeprefix('fuzz_')}": target["filename"][0].removeprefix(
                prefix
            )
            for target in ADDRESS_SANITIZER.introspect("targets")
            if target["type"] == "executable"
            and target["defined_in"].endswith("tests/fuzz/meson.build")
        }
        wanted = self.wanted(programs)
        if not wanted or not self.compile(
            ADDRESS_SANITIZER, [programs[name] for name in wanted]
        ):
            return
        self.two_at_a_time(
            wanted, lambda name: self.fuzz_one(name, programs[name]), note=fuzz_runs
        )

    def fuzz_one(self, name: str, program: str) -> Outcome:
        target = name.removeprefix("fuzz ")
        seeds = FUZZ_SOURCES / "corpus" / target
        words = FUZZ_SOURCES / "dict" / f"{target}.dict"
        with tempfile.TemporaryDirectory(prefix="carpool-fuzz-") as scratch:
            command = [
                f"{ADDRESS_SANITIZER.directory}/{program}",
                f"-max_total_time={FUZZ_SECONDS}",
                "-timeout=10",
                "-rss_limit_mb=2048",
                f"-artifact_prefix={ADDRESS_SANITIZER.directory}/",
                *([f"-dict={words}"] if words.exists() else []),
                scratch,
                *([str(seeds)] if seeds.is_dir() else []),
            ]
            return run(command, FUZZ_SECONDS * 3 + 60)

    def scenarios(self) -> None:
        self.report.heading("lab scenarios")
        listed = run(["tools/lab", "list", "--names"], 60)
        if not listed.ok:
            self.add("lab list", listed)
            return
        wanted = self.wanted(f"lab {scenario}" for scenario in listed.log.split())
        if not wanted or not (
            self.release_built or self.prepare(RELEASE) and self.compile(RELEASE)
        ):
            return
        for name in wanted:
            outcome = run(["tools/lab", "run", name.removeprefix("lab ")], SCENARIO_LIMIT_S)
            self.add(name, outcome, (outcome.log.rstrip().splitlines() or [""])[-1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/test", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="no sanitizer builds, no fuzzing, no lab scenarios"
    )
    parser.add_argument(
        "--only", metavar="REGEX", help="only items whose name matches, e.g. '^lab ' or 'carp'"
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    tests = TestRun(arguments.only)
    tests.checks()
    tests.meson_tests(RELEASE)
    if not arguments.quick:
        tests.meson_tests(ADDRESS_SANITIZER)
        tests.meson_tests(THREAD_SANITIZER, THREADED_SUITE)
        tests.fuzz()
        tests.scenarios()
    return tests.report.finish()


if __name__ == "__main__":
    sys.exit(main())
