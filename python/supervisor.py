"""The supervisor of one program of a model: src/sandbox/supervisor.ts says what it reads and answers.

It forks; the child gives up what the limits take and runs the program; the supervisor waits, kills what
is left and writes one JSON line to file descriptor 3, which the child does not have. Python 3.8 or newer,
standard library alone. It is passed to the interpreter as a text, so that a sandbox need not show the file.
"""
import json, os, resource, signal, sys, time

def main():
    job = json.loads(sys.stdin.buffer.read())
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    if job["guard"]:
        adopt_orphans()
    nonce = os.urandom(16).hex()
    said, say = os.pipe()
    sys.stderr.flush()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(3)
        os.close(said)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        run(job, say, nonce)
    os.close(say)
    ended, greedy = None, False
    end, look = start + job["wallSeconds"], start
    while ended is None and not stopped and not greedy and time.monotonic() < end:
        ended = reap(child)
        if ended is None:
            time.sleep(0.004)
            if time.monotonic() > look:
                greedy = resident() > job["memoryBytes"]
                look = time.monotonic() + 0.05
    seconds = time.monotonic() - start
    os.set_blocking(said, False)
    try:
        outcome = os.read(said, 4096).decode("utf-8", "replace")
    except BlockingIOError:
        outcome = ""
    status, reason = ("memory", too_much(job)) if greedy else verdict(job, ended, outcome, nonce)
    if job["guard"]:
        sweep()
    report = {"status": status, "reason": reason, "seconds": seconds}
    os.write(3, (json.dumps(report) + "\n").encode())
    if job["guard"]:
        os.killpg(0, signal.SIGKILL)
    os._exit(0)  # As process 1 of its namespace, this takes all others along.

def verdict(job, ended, outcome, nonce):
    if ended is None:
        return "timeout", "wall time over %g s" % job["wallSeconds"]
    status, usage = ended
    token, _, rest = outcome.partition(" ")
    if token == nonce:
        kind, _, reason = rest.partition(" ")
        return kind, reason
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        spent = usage.ru_utime + usage.ru_stime
        # The kernel counts in ticks, and may kill a little before or after: the second limit lies beyond.
        if number == signal.SIGXCPU or (number == signal.SIGKILL and spent >= job["cpuSeconds"]):
            return "timeout", "CPU time over %g s" % job["cpuSeconds"]
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = "signal %d" % number
        return "crashed", "ended by " + name
    return "crashed", "left with exit code %d before its end" % os.WEXITSTATUS(status)

def reap(child):
    ended = None
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        if pid == child:
            ended = status, usage

def too_much(job):
    return "more than %d MiB" % (job["memoryBytes"] >> 20)

# The limit of the address space is each process's own. Pages that processes share count in each.
def resident():
    pages = 0
    for pid in descendants():
        try:
            with open("/proc/%d/statm" % pid) as statm:
                pages += int(statm.read().split()[1])
        except (OSError, IndexError, ValueError):
            pass
    return pages * resource.getpagesize()

def adopt_orphans():
    # PR_SET_CHILD_SUBREAPER: children that leave the process group stay below this process. Linux only.
    try:
        import ctypes
        ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)
    except Exception:
        pass

def sweep():
    end = time.monotonic() + 2
    while time.monotonic() < end:
        reap(0)
        pids = descendants()
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.002)

def descendants():
    parents = {}
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for name in names:
        try:
            with open("/proc/%s/stat" % name) as stat:
                parents[int(name)] = int(stat.read().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            pass
    below = {os.getpid()}
    grown = True
    while grown:
        found = {pid for pid, parent in parents.items() if parent in below} - below
        below |= found
        grown = bool(found)
    return below - {os.getpid()}

def run(job, say, nonce):
    import linecache, traceback, types
    first = os.getpid()
    try:
        go_first()
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_CPU, job["cpuSeconds"], job["cpuSeconds"] + 1)
        limit(resource.RLIMIT_FSIZE, job["fileBytes"])
        limit(resource.RLIMIT_NOFILE, 64)
        limit(resource.RLIMIT_NPROC, job["processes"])
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.close(null)
        sys.path[:] = [path for path in sys.path if path]
        source = job["program"]
        linecache.cache["program.py"] = len(source), None, source.splitlines(True), "program.py"
        # A module like any other: what stands below __name__ == "__main__" does not run.
        module = types.ModuleType("program")
        sys.modules["program"] = module
        if job["guard"]:
            guard(os.getcwd())
        # Some systems (macOS) know no limit of the address space.
        try:
            limit(resource.RLIMIT_AS, job["memoryBytes"])
        except (ValueError, OSError):
            pass
    except BaseException:
        traceback.print_exc()
        os._exit(70)
    kind, reason = "unparsable", ""
    try:
        code = compile(source, "program.py", "exec", dont_inherit=True)
        kind = "failed"
        exec(code, module.__dict__)
        kind = "passed"
    except BaseException as error:
        if isinstance(error, MemoryError) and kind == "failed":
            kind, reason = "memory", too_much(job)
        else:
            reason = describe(error)
        try:
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            traceback.print_exception(type(error), error, error.__traceback__, limit=-8)
        except BaseException:
            pass
    try:
        sys.stderr.flush()
    except BaseException:
        pass
    if os.getpid() == first:  # A child that the program forked may also come by.
        os.write(say, (nonce + " " + kind + " " + reason).encode("utf-8", "replace"))
    os._exit(0)

def go_first():
    # Should the machine run out of memory all the same, the kernel ends this program and no other.
    try:
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
    except OSError:
        pass

def describe(error):
    try:
        text = str(error)
    except BaseException:
        text = ""
    lines = text.strip().splitlines()
    return (type(error).__name__ + (": " + lines[0] if lines else ""))[:300]

def limit(kind, soft, hard=None):
    # Never above what the system has set already.
    most = resource.getrlimit(kind)[1]
    fit = lambda value: value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (fit(soft), fit(soft if hard is None else hard)))

def guard(folder):
    realpath, sep, fspath, fsdecode = os.path.realpath, os.sep, os.fspath, os.fsdecode
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    own = [realpath(folder)]
    readable = own + [realpath(path) for path in
        (sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/dev/null", "/dev/urandom", "/dev/random")]
    forbidden = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.kill",
        "os.startfile", "signal.pthread_kill", "ctypes.", "pty.", "webbrowser.", "urllib.", "ftplib.", "smtplib.")
    harmless = ("socket.gethostname", "socket.__new__")
    changes = ("os.remove", "os.rmdir", "os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate",
        "os.chmod", "os.chown", "os.utime", "os.chdir", "os.listdir", "os.scandir", "shutil.")

    def inside(path, places):
        if isinstance(path, int) or path is None:
            return True
        real = realpath(fsdecode(fspath(path)))
        return any(real == place or real.startswith(place.rstrip(sep) + sep) for place in places)

    def hook(event, args):
        if event == "open":
            path, mode, flags = args
            if not isinstance(path, int):
                write = bool(flags & writes) if isinstance(flags, int) else False
                if not inside(path, own if write and path != os.devnull else readable):
                    raise PermissionError("sandbox: %s is outside of the folder" % (path,))
        elif event.startswith(forbidden) and event not in harmless:
            raise PermissionError("sandbox: %s is not allowed" % event)
        elif event.startswith(changes):
            reads = event in ("os.listdir", "os.scandir")
            for path in args[: 2 if event in ("os.rename", "os.link") else 1]:
                if isinstance(path, (str, bytes, os.PathLike)) and not inside(path, readable if reads else own):
                    raise PermissionError("sandbox: %s outside of the folder" % event)

    sys.addaudithook(hook)

main()
