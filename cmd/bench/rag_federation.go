package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"savoirs/node"
	"savoirs/rag"
)

const (
	colOne   = "one library nDCG@10"
	colFirst = "ms first of 5"
	colLast  = "ms last of 5"
	colAgain = "asked again"

	federated    = 20  // nodes
	topical      = 0.8 // of the titles are on the node of their topic, the others anywhere
	fedQuestions = 100 // of each collection at most
	fedTimed     = 40  // questions whose first and last results are timed
	fedDepth     = 40  // passages asked for, so that ten documents are among them
)

// A node answers ten calls a second of another: a question that was refused or came late is put again after fedPause.
const (
	fedPause = 2 * time.Second
	fedTries = 5
)

// askedOf are how many nodes a question is put to, and what the quality of one library is to be kept.
var askedOf = [...]struct {
	k     int
	col   string
	least float64
}{{3, "% asking 3", 97}, {5, "% asking 5", 99}, {federated, "% asking all", 99.5}}

// federationRow measures how much of the quality of one library remains when its documents are on twenty nodes, each with
// its topics, and a node that has none of them asks a few.
func federationRow(r *ragBench, all []collection) row {
	w := row{name: "federation", what: fmt.Sprintf("French, on %d nodes with their topics, against one node with all", federated), limit: 20 * time.Minute, runs: 1}
	for _, a := range askedOf {
		w.metrics = append(w.metrics, a.col)
		w.demands = append(w.demands, demand{metric: a.col, least: a.least})
	}
	w.metrics = append(w.metrics, colOne, colFirst, colLast, colAgain)
	w.contenders = func(*bench) []contender {
		return []contender{{ourName, func(ctx context.Context, dir string) (sample, error) { return r.federation(ctx, dir, all) }}}
	}
	return w
}

// federation builds all nodes in dir, puts the questions to those that ask, and to one that has everything.
func (r *ragBench) federation(ctx context.Context, dir string, all []collection) (_ sample, err error) {
	if r.vector == nil {
		return nil, absent("no engine is here")
	}
	c, questions, err := r.french(ctx, all)
	if err != nil {
		return nil, err
	}
	shelves, err := r.topics(ctx, c.Documents)
	if err != nil {
		return nil, err
	}
	f := &fleet{dir: dir, vector: r.vector}
	defer func() { err = errors.Join(err, f.close()) }()
	central, err := f.start(ctx, 0)
	if err != nil {
		return nil, err
	}
	if err := f.shelve(ctx, central, c.Documents, false); err != nil {
		return nil, err
	}
	var askers []*node.Node
	for _, a := range askedOf {
		n, err := f.start(ctx, a.k)
		if err != nil {
			return nil, err
		}
		askers = append(askers, n)
	}
	for _, shelf := range shelves {
		holder, err := f.start(ctx, 0)
		if err != nil {
			return nil, err
		}
		if err := f.shelve(ctx, holder, shelf, true); err != nil {
			return nil, err
		}
		for _, a := range askers {
			if _, err := a.Join(ctx, holder.ID().Addrs[0], false); err != nil {
				return nil, err
			}
		}
	}
	if err := f.settle(ctx, askers, len(shelves)); err != nil {
		return nil, err
	}
	whole, _, err := rankings(ctx, central, questions)
	if err != nil {
		return nil, err
	}
	s := sample{colOne: c.Score(whole).NDCG10}
	for i, a := range askedOf {
		found, again, err := rankings(ctx, askers[i], questions)
		if err != nil {
			return nil, err
		}
		s[a.col] = 100 * c.Score(found).NDCG10 / s[colOne]
		s[colAgain] += float64(again)
		if a.k == 5 {
			if s[colFirst], s[colLast], err = firstAndLast(ctx, askers[i], questions[:min(fedTimed, len(questions))]); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// french is all French collections as one, and a sample of their questions.
func (r *ragBench) french(ctx context.Context, all []collection) (whole rag.Collection, questions []rag.CollectionText, err error) {
	whole.Grades = map[string]map[string]float64{}
	most := fedQuestions
	if r.sample > 0 {
		most = min(most, r.sample)
	}
	for _, c := range all {
		if c.lang != "fr" {
			continue
		}
		read, err := r.read(ctx, c)
		if err != nil {
			return whole, nil, err
		}
		whole.Documents = append(whole.Documents, read.Documents...)
		questions = append(questions, read.Sample(most, 1)...)
		maps.Copy(whole.Grades, read.Grades)
	}
	return whole, questions, nil
}

// topics gives each node the titles of its topic: k-means over the mean vectors of titles, as in a federation of
// communities that care for different things; every fifth title or so is anywhere.
func (r *ragBench) topics(ctx context.Context, docs []rag.CollectionText) ([][]rag.CollectionText, error) {
	under := map[string][]rag.CollectionText{}
	for _, d := range docs {
		title := d.Title
		if title == "" {
			title = d.ID
		}
		under[title] = append(under[title], d)
	}
	titles := slices.Sorted(maps.Keys(under))
	var points [][]float32
	for _, t := range titles {
		texts := make([]string, len(under[t]))
		for i, d := range under[t] {
			texts[i] = strings.TrimPrefix(d.Title+"\n"+d.Text, "\n") // as they will be embedded on the shelves
		}
		vs, err := r.vector.Embed(ctx, rag.RolePassage, texts[:min(len(texts), 8)])
		if err != nil {
			return nil, err
		}
		mean := make([]float32, len(vs[0]))
		for _, v := range vs {
			for j, x := range v {
				mean[j] += x / float32(len(vs))
			}
		}
		points = append(points, mean)
	}
	centre(points)
	random := rand.New(rand.NewPCG(5, 5))
	means := make([][]float32, federated)
	for i, at := range random.Perm(len(points))[:federated] {
		means[i] = points[at]
	}
	of := make([]int, len(points))
	for range 25 {
		sums := make([][]float32, federated)
		counts := make([]float32, federated)
		for i, p := range points {
			of[i] = closest(p, means)
			if sums[of[i]] == nil {
				sums[of[i]] = make([]float32, len(p))
			}
			counts[of[i]]++
			for j, x := range p {
				sums[of[i]][j] += x
			}
		}
		for i, sum := range sums {
			for j := range sum {
				sum[j] /= counts[i]
			}
			if sum != nil {
				means[i] = sum
			}
		}
	}
	shelves := make([][]rag.CollectionText, federated)
	for i, t := range titles {
		at := of[i]
		if random.Float64() >= topical {
			at = random.IntN(federated)
		}
		shelves[at] = append(shelves[at], under[t]...)
	}
	return slices.DeleteFunc(shelves, func(s []rag.CollectionText) bool { return len(s) == 0 }), nil
}

// centre leaves of each point its direction from the mean of all: texts of one model lie in a narrow cone, where nearly all
// would be of one topic.
func centre(points [][]float32) {
	mean := make([]float32, len(points[0]))
	for _, p := range points {
		for j, x := range p {
			mean[j] += x / float32(len(points))
		}
	}
	for _, p := range points {
		length := 0.0
		for j := range p {
			p[j] -= mean[j]
			length += float64(p[j]) * float64(p[j])
		}
		for j := range p {
			p[j] /= float32(math.Sqrt(max(length, 1e-12)))
		}
	}
}

func closest(p []float32, means [][]float32) (best int) {
	least := math.Inf(1)
	for i, m := range means {
		sum := 0.0
		for j, x := range p {
			sum += float64(x-m[j]) * float64(x-m[j])
		}
		if sum < least {
			best, least = i, sum
		}
	}
	return best
}

// rankings puts the questions to a node, and tells how many times one was put again.
func rankings(ctx context.Context, n *node.Node, questions []rag.CollectionText) (all []rag.Ranking, again int, err error) {
	for _, q := range questions {
		res, more, err := untilServed(ctx, n, q.Text)
		if err != nil {
			return nil, 0, err
		}
		again += more
		r := rag.Ranking{Query: q.ID}
		for _, h := range res.Hits {
			if id := strings.TrimSuffix(h.Doc, ".html"); !slices.Contains(r.Docs, id) {
				r.Docs = append(r.Docs, id)
			}
		}
		all = append(all, r)
	}
	return all, again, nil
}

// untilServed puts a question again until all nodes that were chosen answered it, fedTries times at most.
func untilServed(ctx context.Context, n *node.Node, text string) (res rag.Results, again int, err error) {
	for ; ; again++ {
		res, err = n.Search(ctx, node.Question{Text: text, Limit: fedDepth})
		if err != nil || again == fedTries || !slices.ContainsFunc(res.Asked, func(a rag.Asked) bool { return a.Outcome != rag.OutcomeAnswered }) {
			return res, again, err
		}
		select {
		case <-ctx.Done():
			return res, again, ctx.Err()
		case <-time.After(fedPause):
		}
	}
}

// firstAndLast tells how long it takes until the first passages of others are shown and until the last are, checked, in
// milliseconds at the median.
func firstAndLast(ctx context.Context, n *node.Node, questions []rag.CollectionText) (first, last float64, err error) {
	var firsts, lasts []float64
	for _, q := range questions {
		start, shown := time.Now(), false
		_, err := n.Ask(ctx, node.Question{Text: q.Text, NoModel: true}, func(e rag.Event) error {
			if !shown && len(e.Sources) > 0 {
				shown = true
				firsts = append(firsts, time.Since(start).Seconds()*1000)
			}
			return nil
		})
		if err != nil {
			return 0, 0, err
		}
		lasts = append(lasts, time.Since(start).Seconds()*1000)
	}
	first, _ = median(firsts)
	last, _ = median(lasts)
	return first, last, nil
}
