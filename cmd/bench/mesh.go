package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// meshOptions are what a simulated mesh is like.
type meshOptions struct {
	authors int           // who published before it begins, an entry each; 0 is as many as nodes
	during  time.Duration // of virtual time with churn and publications
	every   time.Duration // between two publications somewhere
	churn   float64       // part of the nodes that leaves each minute
	degree  int           // neighbours of a node, about
	mbit    float64       // of each link, each way
	seed    uint64
}

// meshResult is what became of one size.
type meshResult struct {
	nodes, entries, publications int
	known                        []time.Duration // of each publication, until all who were up knew it
	returns                      []time.Duration
	sent                         traffic // of all nodes, from when they had met
	idle, idlePeer               int64   // bytes of a node in a quiet day, and of that for each neighbour
	equal                        bool    // all hold the same in the end
}

// errDiverged says that nodes ended up with different catalogues.
var errDiverged = errors.New("nodes that hold different catalogues in the end")

// benchMesh tells how news spreads in meshes of some sizes: the real catalogue
// and its exchange, over simulated links, in virtual time.
func benchMesh(ctx context.Context, args []string) error {
	var o meshOptions
	flags := flag.NewFlagSet("mesh", flag.ContinueOnError)
	sizes := flags.String("nodes", "10,100,1000", "sizes of the mesh, separated by commas")
	flags.IntVar(&o.authors, "authors", 0, "authors of one entry each that all know at the beginning; 0: as many as nodes")
	minutes := flags.Float64("minutes", 10, "minutes with churn and publications")
	flags.DurationVar(&o.every, "every", 10*time.Second, "time between two publications")
	flags.Float64Var(&o.churn, "churn", 0.10, "part of the nodes that leaves in a minute; they come back after 30 s to 3.5 min")
	flags.IntVar(&o.degree, "degree", 6, "neighbours of a node, about")
	flags.Float64Var(&o.mbit, "mbit", 5, "rate of each link, each way, in Mbit/s; delays are 5 to 60 ms")
	flags.Uint64Var(&o.seed, "seed", 1, "another number gives another mesh")
	dir := flags.String("dir", "", "where the catalogues are, about 0.5 MB for a node of 1,000; a memory file system saves the disk")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	o.during = time.Duration(*minutes * float64(time.Minute))
	var results []meshResult
	for _, text := range strings.Split(*sizes, ",") {
		nodes, err := strconv.Atoi(text)
		if err != nil || nodes < 2 || o.degree < 2 || o.mbit <= 0 || o.every <= 0 {
			return fmt.Errorf("a mesh of %q nodes, %d neighbours each, %v Mbit/s, a publication every %v", text, o.degree, o.mbit, o.every)
		}
		r, err := simulateIn(ctx, o, nodes, *dir)
		if err != nil {
			return fmt.Errorf("mesh of %d nodes: %w", nodes, err)
		}
		results = append(results, r)
	}
	return printMesh(os.Stdout, results)
}

// simulateIn runs one size in a folder of its own, removed after.
func simulateIn(ctx context.Context, o meshOptions, nodes int, parent string) (meshResult, error) {
	if parent == "" {
		if _, err := os.Stat("/dev/shm"); err == nil {
			parent = "/dev/shm"
		}
	}
	dir, err := os.MkdirTemp(parent, "savoirs-mesh-")
	if err != nil {
		return meshResult{}, err
	}
	r, err := simulate(ctx, o, nodes, dir)
	return r, errors.Join(err, os.RemoveAll(dir))
}

func printMesh(to io.Writer, results []meshResult) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(what string, cell func(meshResult) string) {
		fmt.Fprint(w, what, "\t")
		for _, r := range results {
			fmt.Fprint(w, cell(r), "\t")
		}
		fmt.Fprintln(w)
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	line("nodes", func(r meshResult) string { return number(int64(r.nodes)) })
	line("entries in the end", func(r meshResult) string { return number(int64(r.entries)) })
	line("publications, of which known to all up", func(r meshResult) string { return fmt.Sprintf("%d, %d", r.publications, len(r.known)) })
	for _, q := range quantiles {
		line("known to all up after, "+q.name, func(r meshResult) string { return q.of(r.known) })
	}
	line("nodes that came back, lacking something", func(r meshResult) string { return number(int64(len(r.returns))) })
	for _, q := range quantiles {
		line("a node come back is equal after, "+q.name, func(r meshResult) string { return q.of(r.returns) })
	}
	for k, name := range [kinds]string{"gossip", "calls", "digests", "heights", "entries"} {
		line("bytes sent, a node and publication: "+name, func(r meshResult) string {
			return number(r.sent[k] / int64(max(1, r.nodes*r.publications)))
		})
	}
	line("all kinds", func(r meshResult) string { return number(r.sent.total() / int64(max(1, r.nodes*r.publications))) })
	line("bytes sent, an idle node and day", func(r meshResult) string { return number(r.idle) })
	line("for each neighbour", func(r meshResult) string { return number(r.idlePeer) })
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		if !r.equal {
			return errDiverged
		}
	}
	return nil
}

// quantile is a part of a sorted list and its name.
type quantile struct {
	name string
	part float64
}

var quantiles = [...]quantile{{"median", 0.5}, {"p95", 0.95}, {"longest", 1}}

func (q quantile) of(sorted []time.Duration) string {
	if len(sorted) == 0 {
		return "-"
	}
	at := min(int(q.part*float64(len(sorted))), len(sorted)-1)
	return sorted[at].Round(time.Millisecond).String()
}
