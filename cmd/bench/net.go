package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// bench is one run of a bench of rows: where it works and what it measures with.
// Its methods are called one after another.
type bench struct {
	dir      string            // everything made is below it, and removed at the end
	size     int64             // bytes of the large file
	savoirs  string            // our program, built for this run
	kubo     string            // the ipfs program
	prepared map[string]string // folders made once, by what they are
	roots    map[string]string // of items and DAGs in prepared folders, by folder
}

// benchNet measures the exchange of items beside rsync, kubo, syncthing and a
// bare stream, all in one run, and judges ours by what is asked of it.
func benchNet(ctx context.Context, args []string) error {
	return benchRows(ctx, "bench net", netRows(), args)
}

// benchRows measures those of the rows that a person chose.
func benchRows(ctx context.Context, name string, rows []row, args []string) error {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	var c choice
	c.flags(fs)
	size := bytesFlag(1 << 30)
	fs.Var(&size, "size", "`size` of the large file")
	kubo := fs.String("kubo", filepath.Join("build", "tools", "ipfs"), "the ipfs program of kubo (deploy/bench/peers.sh builds it)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	rows, err := choose(rows, c.only)
	if err != nil {
		return err
	}
	if c.list {
		for _, r := range rows {
			printAsked(os.Stdout, r)
		}
		return nil
	}
	b, err := newBench(ctx, c.dir, *kubo, int64(size))
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	return b.measureAll(ctx, rows, c, report{Machine: machineFacts(ctx, b), Size: b.size})
}

// newBench builds our program and makes a folder to work in.
func newBench(ctx context.Context, dir, kubo string, size int64) (*bench, error) {
	work, err := workFolder(dir)
	if err != nil {
		return nil, err
	}
	b := &bench{dir: work, size: size, savoirs: filepath.Join(work, "savoirs"), prepared: map[string]string{}, roots: map[string]string{}}
	if b.kubo, err = filepath.Abs(kubo); err != nil {
		return nil, errors.Join(err, os.RemoveAll(work))
	}
	if _, _, err := here.run(ctx, "go", "build", "-o", b.savoirs, "savoirs/cmd/savoirs"); err != nil {
		return nil, errors.Join(fmt.Errorf("build our program: %w", err), os.RemoveAll(work))
	}
	return b, nil
}

// workFolder makes a folder of our own below dir, and gives its whole path.
func workFolder(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(dir, "bench-")
	if err != nil {
		return "", err
	}
	return filepath.Abs(work)
}

// prepare returns the folder that fill makes at most once in this run. What is
// measured may read it and run a program in it, but must leave its content.
func (b *bench) prepare(what string, fill func(dir string) error) (string, error) {
	if dir, ok := b.prepared[what]; ok {
		return dir, nil
	}
	dir, err := os.MkdirTemp(b.dir, "prepared-")
	if err != nil {
		return "", err
	}
	if err := fill(dir); err != nil {
		return "", errors.Join(fmt.Errorf("prepare %s: %w", what, err), os.RemoveAll(dir))
	}
	b.prepared[what] = dir
	return dir, nil
}

// choose picks rows by name, in their own order.
func choose(rows []row, only string) ([]row, error) {
	names := splitList(only)
	if len(names) == 0 {
		return rows, nil
	}
	var chosen []row
	for _, r := range rows {
		if i := slices.Index(names, r.name); i >= 0 {
			chosen = append(chosen, r)
			names = slices.Delete(names, i, i+1)
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("no row is called %s; -list names them", strings.Join(names, ", "))
	}
	return chosen, nil
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}
