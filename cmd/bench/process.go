package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// place is where programs run: this machine, or one host of an emulated
// network.
type place struct {
	ip      string
	command func(name string, args ...string) *exec.Cmd
}

// here is this machine by its loopback.
var here = place{ip: "127.0.0.1", command: exec.Command}

// usage is what processes have cost.
type usage struct {
	cpu  float64 // seconds, user and system
	peak float64 // MB of memory resident at most, of the largest process
}

func (u usage) and(o usage) usage { return usage{u.cpu + o.cpu, max(u.peak, o.peak)} }

// since is what was used after a moment; the peak is that of the whole life.
func (u usage) since(before usage) usage { return usage{u.cpu - before.cpu, u.peak} }

// process is a program of ours or of others and what it starts, in a process
// group of its own.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how, readable once done is closed
	out  *tail
	peak float64 // MB, of a program run to its end: the kernel's own figure begins with ours
}

// start starts a program; with stop, or when we die, it and its children end.
func (p place) start(env []string, name string, args ...string) (*process, error) {
	return begin(env, p.command(name, args...), &tail{})
}

func begin(env []string, cmd *exec.Cmd, out *tail) (*process, error) {
	pr := &process{cmd: cmd, done: make(chan struct{}), out: out}
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = out
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	go func() {
		pr.err = cmd.Wait()
		close(pr.done)
	}()
	return pr, nil
}

// run runs a program to its end and returns what it printed and cost.
func (p place) run(ctx context.Context, name string, args ...string) ([]byte, usage, error) {
	return p.runEnv(ctx, nil, name, args...)
}

func (p place) runEnv(ctx context.Context, env []string, name string, args ...string) ([]byte, usage, error) {
	cmd := p.command(name, args...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	pr, err := begin(env, cmd, &tail{})
	if err != nil {
		return nil, usage{}, err
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for running := true; running; {
		select {
		case <-pr.done:
			running = false
		case <-look.C:
			pr.peak = max(pr.peak, pr.memory("VmHWM"))
		case <-ctx.Done():
			pr.kill()
			return nil, usage{}, ctx.Err()
		}
	}
	if pr.err != nil {
		return nil, usage{}, fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), pr.err, pr.out)
	}
	return stdout.Bytes(), pr.used(), nil
}

// stop asks the process to end, and after ten seconds makes it.
func (p *process) stop() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
	}
	p.kill()
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// ended returns why the process is not running, nil while it is.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %w: %s", filepath.Base(p.cmd.Path), errors.Join(p.err, errEnded), p.out)
	default:
		return nil
	}
}

var errEnded = errors.New("it should go on")

// used is what the process and its children have cost so far.
func (p *process) used() usage {
	select {
	case <-p.done:
		r := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
		return usage{float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9, p.peak}
	default:
	}
	var u usage
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		cpu, group := parseStat(string(b))
		if group != p.cmd.Process.Pid {
			continue
		}
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "status"))
		u = u.and(usage{cpu, parseStatus(string(status), "VmHWM")})
	}
	return u
}

// memory reads a size of the process itself in /proc/PID/status, in MB.
func (p *process) memory(name string) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	return parseStatus(string(b), name)
}

// clockTick is the unit of times in /proc on every Linux that Go runs on.
const clockTick = 100

// parseStat reads a /proc/PID/stat: CPU seconds, with those of children that
// ended, and the process group. See proc(5).
func parseStat(s string) (cpu float64, group int) {
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:]) // the name before may hold anything
	if len(f) < 15 {
		return 0, 0
	}
	for _, ticks := range f[11:15] { // utime stime cutime cstime
		n, _ := strconv.ParseFloat(ticks, 64)
		cpu += n / clockTick
	}
	group, _ = strconv.Atoi(f[2])
	return cpu, group
}

// parseStatus reads a size of /proc/PID/status in MB.
func parseStatus(s, name string) float64 {
	for l := range strings.Lines(s) {
		if v, ok := strings.CutPrefix(l, name+":"); ok {
			n, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 64)
			return n * 1024 / 1e6
		}
	}
	return 0
}

// until looks for a state every 10 ms until it is there or ctx ends.
func until(ctx context.Context, reached func() (bool, error)) error {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		ok, err := reached()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}

// pause waits for d, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
