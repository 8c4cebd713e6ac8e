package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// cage is a control group: what runs in it has so much memory, or so much of a
// processor, and no more.
type cage struct{ dirs []string } // one, or one for each controller where they are apart (version 1)

const cgroups = "/sys/fs/cgroup"

// errNoCage says that this machine gives no control groups to us.
var errNoCage = errors.New("no control groups here")

// newCage makes a control group with a limit of memory in bytes and of
// processors, 0 for none.
func newCage(name string, memory int64, cpus float64) (*cage, error) {
	limits := map[string]map[string]string{ // by controller, for version 1
		"memory": {"memory.limit_in_bytes": strconv.FormatInt(memory, 10)},
		"cpu":    {"cpu.cfs_quota_us": strconv.Itoa(int(cpus * 100_000))}, // of the usual 100 ms
	}
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		limits = map[string]map[string]string{"": {"memory.max": strconv.FormatInt(memory, 10), "cpu.max": fmt.Sprintf("%d 100000", int(cpus*100_000))}}
	}
	c := &cage{}
	for controller, files := range limits {
		dir := filepath.Join(cgroups, controller, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %w", errNoCage, err), c.open())
		}
		c.dirs = append(c.dirs, dir)
		for file, value := range files {
			if strings.HasPrefix(file, "memory") && memory == 0 || strings.HasPrefix(file, "cpu") && cpus == 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644); err != nil {
				return nil, errors.Join(fmt.Errorf("%w: %w", errNoCage, err), c.open())
			}
		}
	}
	return c, nil
}

// in makes a place of which every program runs in the cage.
func (c *cage) in(p place) place {
	var enter strings.Builder
	for _, dir := range c.dirs {
		fmt.Fprintf(&enter, "echo $$ > %s/cgroup.procs && ", dir)
	}
	return place{p.ip, func(name string, args ...string) *exec.Cmd {
		cmd := p.command(name, args...) // entered from outside: a host may see no control groups
		return exec.Command("sh", append([]string{"-c", enter.String() + `exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)...)
	}}
}

// killed is how many of its programs were killed for want of memory.
func (c *cage) killed() (n int) {
	for _, dir := range c.dirs {
		for _, file := range []string{"memory.events", "memory.oom_control"} {
			b, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				continue
			}
			for l := range strings.Lines(string(b)) {
				if f := strings.Fields(l); len(f) == 2 && f[0] == "oom_kill" {
					k, _ := strconv.Atoi(f[1])
					n += k
				}
			}
		}
	}
	return n
}

// open removes the cage once it is empty.
func (c *cage) open() (err error) {
	for _, dir := range c.dirs {
		err = errors.Join(err, os.Remove(dir))
	}
	return err
}
