package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// row is one thing measured of several programs.
type row struct {
	name, what string
	metrics    []string      // columns, in order; the first is told while it runs
	limit      time.Duration // of one run of one program; what hangs is shown as such
	runs       int           // when it is not for the person to say
	contenders func(b *bench) []contender
	demands    []demand
}

// contender is one program in a row. run is given an empty folder, which is
// removed afterwards, and ends what it starts.
type contender struct {
	name string
	run  func(ctx context.Context, dir string) (sample, error)
}

// sample holds the numbers of one run by metric.
type sample map[string]float64

// line is what was measured of one contender; Missing says why there is
// nothing, or no more: it failed, unless it is Absent.
type line struct {
	Name    string   `json:"name"`
	Runs    []sample `json:"runs"`
	Missing string   `json:"missing,omitempty"`
	Absent  bool     `json:"absent,omitempty"` // it could not be tried
}

// median of a metric over the runs that have it.
func (l line) median(metric string) (float64, bool) {
	var all []float64
	for _, s := range l.Runs {
		if v, ok := s[metric]; ok {
			all = append(all, v)
		}
	}
	return median(all)
}

// table is what was measured of one row.
type table struct {
	Lines []line `json:"lines"`
	short bool   // some demand is not met
}

func (t table) line(name string) line {
	i := slices.IndexFunc(t.Lines, func(l line) bool { return l.Name == name })
	if i < 0 {
		return line{}
	}
	return t.Lines[i]
}

// absent says that a program or a right is not here, so that nothing can be
// measured.
type absent string

func (a absent) Error() string { return string(a) }

// measure runs the contenders of a row by turns, so that what else the machine
// does falls on all of them. One that fails is not tried again.
func (b *bench) measure(ctx context.Context, r row, runs int, peers []string) table {
	if r.runs > 0 {
		runs = r.runs
	}
	var t table
	contenders := r.contenders(b)
	if len(peers) > 0 {
		contenders = slices.DeleteFunc(contenders, func(c contender) bool {
			return !slices.Contains(peers, strings.Fields(c.name)[0])
		})
	}
	for _, c := range contenders {
		t.Lines = append(t.Lines, line{Name: c.name})
	}
	for i := range runs {
		for j, c := range contenders {
			l := &t.Lines[j]
			if l.Missing != "" || ctx.Err() != nil {
				continue
			}
			s, err := b.once(ctx, r, c)
			if err != nil {
				var none absent
				l.Missing, l.Absent = err.Error(), errors.As(err, &none)
				fmt.Fprintf(os.Stderr, "%s, %s: %v\n", r.name, c.name, err)
				continue
			}
			l.Runs = append(l.Runs, s)
			fmt.Fprintf(os.Stderr, "%s, %s, run %d of %d: %s %s\n", r.name, c.name, i+1, runs, number(s[r.metrics[0]]), r.metrics[0])
		}
	}
	for _, d := range r.demands {
		if _, ok, judged := d.judge(t); judged && !ok {
			t.short = true
		}
	}
	return t
}

// once is one run of one contender in a folder of its own.
func (b *bench) once(ctx context.Context, r row, c contender) (sample, error) {
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	limited, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	s, err := c.run(limited, dir)
	var none absent
	if err != nil && ctx.Err() == nil && !errors.As(err, &none) && limited.Err() != nil {
		return nil, fmt.Errorf("unfinished after %s", r.limit)
	}
	return s, err
}
