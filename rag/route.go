package rag

import (
	"math"
	"slices"
)

// A Place is a set that is elsewhere, and what is known of it here.
type Place struct {
	Set    string
	Sketch *Sketch // nil: not told
	Codes  *Signs  // nil: not here
}

// Route weighs sets that are elsewhere for one question.
type Route struct {
	Counts  []Counts  // of each place, by its sketch
	Promise []float64 // of each place: where the promise is higher, more of the answer is expected
}

// Router tells which sets are worth asking. It is made once; its methods may be called concurrently.
type Router struct{ analyze analyzer }

// NewRouter returns a Router.
func NewRouter() *Router { return &Router{newAnalyzer()} }

// Weigh estimates what each place promises for q: by words, the idf that the question's terms have over all places and
// here, where the place has them; by meaning, when q has a vector, how near the nearest passage lies by sign codes, and
// the nearest centroid. Each is brought to one scale, standard deviations over the places that tell it, and added: a
// place that tells nothing is as good as the average.
// here counts the sets of this node. Errors: ErrEmptyQuestion, ErrQuestionTooLong.
func (r *Router) Weigh(q Query, here Counts, places []Place) (Route, error) {
	asked, err := newQuestion(q)
	if err != nil {
		return Route{}, err
	}
	route := Route{Counts: make([]Counts, len(places)), Promise: make([]float64, len(places))}
	all := Counts{}
	all.Add(here)
	for i, p := range places {
		route.Counts[i] = r.counts(asked, p.Sketch)
		all.Add(route.Counts[i])
	}
	words, sketched := make([]float64, len(places)), []int{}
	for i, c := range route.Counts {
		words[i] = promiseOfWords(c, all, asked)
		if places[i].Sketch != nil {
			sketched = append(sketched, i)
		}
	}
	addStandardised(route.Promise, words, sketched, 1)
	if q.Vector != nil {
		r.addMeaning(route.Promise, q, places)
	}
	return route, nil
}

// counts are those of a sketch for the terms of a question.
func (r *Router) counts(q question, s *Sketch) Counts {
	c := Counts{}
	if s == nil || s.Analysis != lexicalVersion {
		return c
	}
	for _, f := range s.Fields {
		with := map[string]int{}
		for _, t := range q.terms(r.analyze, field(f.Field)) {
			if n := f.with(t); n > 0 {
				with[t] = n
			}
		}
		c[f.Field] = FieldCounts{Passages: f.Passages, Terms: f.Terms, With: with}
	}
	return c
}

// promiseOfWords sums the idf of the terms that a place has, the more the more passages have them.
func promiseOfWords(place, all Counts, q question) (sum float64) {
	for f, c := range place {
		total := all[f]
		for t, n := range c.With {
			df := float64(total.With[t])
			idf := math.Log(1 + (float64(total.Passages)-df+0.5)/(df+0.5))
			sum += q.boost(field(f)) * idf * float64(n) / float64(n+1)
		}
	}
	return sum
}

// centroidWeight: centroids tell less than the words, and than the best passage by sign codes.
const centroidWeight = 0.5

func (r *Router) addMeaning(promise []float64, q Query, places []Place) {
	query := unit(q.Vector)
	if query == nil {
		return
	}
	var coded, sketched []int
	best, around := make([]float64, len(places)), make([]float64, len(places))
	for i, p := range places {
		if c := p.Codes; c != nil && c.Model == q.Model && len(c.Mean.Vector) == len(query) {
			coded = append(coded, i)
			best[i] = slices.Max(c.near(query))
		}
		if s := p.Sketch; s != nil && s.Model == q.Model && len(s.Centroids) > 0 && len(s.Centroids[0].Vector) == len(query) {
			sketched = append(sketched, i)
			around[i] = -1
			for _, c := range s.Centroids {
				if cos, ok := cosine(query, c.Vector); ok {
					around[i] = max(around[i], cos)
				}
			}
		}
	}
	addStandardised(promise, best, coded, 1)
	weight := 1.0
	if 2*len(coded) >= len(sketched) {
		weight = centroidWeight
	}
	addStandardised(promise, around, sketched, weight)
}

// addStandardised adds to the sums of some their values, as standard deviations from the mean of those, by a weight.
func addStandardised(sums, values []float64, some []int, weight float64) {
	var mean, square float64
	for _, i := range some {
		mean += values[i] / float64(len(some))
	}
	for _, i := range some {
		square += (values[i] - mean) * (values[i] - mean) / float64(len(some))
	}
	for _, i := range some {
		if d := math.Sqrt(square); d > 1e-9 {
			sums[i] += weight * (values[i] - mean) / d
		}
	}
}
