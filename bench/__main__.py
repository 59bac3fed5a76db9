"""python -m bench: run the benchmark and print what it found."""

import argparse
import asyncio
import gc
import os
import platform
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from api import VERSION
from api.running import raise_file_limit, run
from bench import gateway, nginx
from bench.load import Void
from bench.measure import QUICK, WHOLE, Plan, Way, in_turn
from bench.processes import Cores, keep_to, share_cores, start_far_end
from bench.report import DIRECT, MORELLO, NGINX, Births, Findings, report
from bench.translating import translations

CALM_SECONDS = 1.5  # after the start, before idle memory is read


async def measure(plan: Plan) -> int:
    """Carry out `plan`; 1 if the run is void."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    ours, others = share_cores()
    print(_place(ours, others), flush=True)
    keep_to(others)
    try:
        with TemporaryDirectory(prefix="morello-bench-") as folder, ExitStack() as ends:
            found = await _find_out(plan, Path(folder), ours, others, ends)
    except Void as error:
        print(f"The run is void. {error}", file=sys.stderr)
        return 1
    print(report(found, plan))
    return 0


async def _find_out(plan: Plan, folder: Path, ours: Cores, others: Cores, ends: ExitStack) -> Findings:
    far_end, paced = start_far_end(others)
    ends.callback(far_end.end)
    ways = [Way(DIRECT, (paced, paced))]
    canned = paced
    if server := nginx.find():
        canned_end, canned = nginx.start_canned(server, folder, others)
        ends.callback(canned_end.end)
        proxy, ports = nginx.start_proxy(server, folder, ours, (canned, paced))
        ends.callback(proxy.end)
        ways = [Way(DIRECT, (canned, paced)), Way(NGINX, ports, cpu=proxy.cpu)]
    home = folder / "home"
    key, port = await gateway.furnish(home, canned, paced)
    alone = await _births(gateway.ALONE, plan, home, port, ours)
    whole = await _births(gateway.WHOLE, plan, home, port, ours)
    morello = ends.enter_context(gateway.running(gateway.WHOLE, home, port, ours))
    cpu, settle = morello.program.cpu, morello.settle
    ways.append(Way(MORELLO, (port, port), key, ("canned:", "paced:"), cpu, settle))
    answered, streamed = await in_turn(ways, plan)
    return Findings(answered, streamed, whole, alone, morello.program.memory(), ways[-1].sent, translations())


async def _births(words: gateway.Words, plan: Plan, home: Path, port: int, cores: Cores) -> Births:
    """Start it again and again. The first one may still have to compile and does not count."""
    seconds = []
    for _ in range(plan.starts + 1):
        with gateway.running(words, home, port, cores) as morello:
            seconds.append(morello.started)
    with gateway.running(words, home, port, cores) as morello:
        await asyncio.sleep(CALM_SECONDS)
        return Births(seconds[1:], morello.program.memory())


def _place(ours: Cores, others: Cores) -> str:
    """The machine, the programs and the day, in two lines."""
    server = nginx.find()
    programs = [
        f"Morello {VERSION}",
        f"{platform.python_implementation()} {platform.python_version()}",
        f"nginx {nginx.version(server)}" if server else "nginx is not installed: its column stays empty",
    ]
    kept = f"gateway on core {_listed(ours)}, far end and load on {_listed(others)}" if ours else "cores not kept apart"
    machine = [
        f"{platform.system()} {platform.machine()}",
        f"{psutil.cpu_count()} cores ({kept})",
        f"load before {os.getloadavg()[0]:.1f}",
        time.strftime("%Y-%m-%d"),
    ]
    return f"{' · '.join(programs)}\n{' · '.join(machine)}\n"


def _listed(cores: Cores) -> str:
    return ", ".join(str(core) for core in sorted(cores))


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: at most a minute")
    plan = QUICK if parser.parse_args().quick else WHOLE
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # where it is set, each start compiles everything anew
    gc.disable()  # a pause here would be counted as the gateway's
    raise_file_limit()
    try:
        return run(lambda: measure(plan))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("The run was ended before it was done.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
