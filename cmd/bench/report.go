package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
)

// choice is what a person says about the rows of a bench.
type choice struct {
	only, peers string // rows and programs by name, comma between; all when empty
	runs        int
	dir         string // where to work
	raw         string // file of all numbers, "" for none
	list        bool
}

// flags defines the flags that every bench of rows has.
func (c *choice) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.only, "only", "", "rows to measure, by name, comma between; all when empty")
	fs.StringVar(&c.peers, "peers", "", "programs to measure, by the first word of their line; all when empty")
	fs.IntVar(&c.runs, "runs", 3, "runs of each, of which the median counts")
	fs.StringVar(&c.dir, "dir", "build", "where to work: a folder of the disk to measure")
	fs.StringVar(&c.raw, "json", "", "also write every number to this `file`")
	fs.BoolVar(&c.list, "list", false, "name the rows and what is asked, measure nothing")
}

// report is what -json writes.
type report struct {
	Machine string      `json:"machine"`
	Size    int64       `json:"size,omitempty"`
	Rows    []rowReport `json:"rows"`
}

type rowReport struct {
	Name  string `json:"name"`
	What  string `json:"what"`
	Table table  `json:"table"`
}

// measureAll measures the rows one after another and prints each when it is
// known. It returns errShort when a demand is not met.
func (b *bench) measureAll(ctx context.Context, rows []row, c choice, r report) error {
	fmt.Println(r.Machine)
	for _, row := range rows {
		t := b.measure(ctx, row, c.runs, splitList(c.peers))
		printTable(os.Stdout, row, t)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		r.Rows = append(r.Rows, rowReport{row.name, row.what, t})
	}
	if c.raw != "" {
		if err := r.write(c.raw); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(r.Rows, func(r rowReport) bool { return r.Table.short }) {
		return errShort
	}
	return nil
}

func (r report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
