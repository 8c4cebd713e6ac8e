package rag

import "math"

// knownFrom is the confidence from which the library is said to know.
const knownFrom = 0.5

// confidence estimates, from 0 to 1, whether the library has the answer: a logistic model of how much
// of the question's weight the best passage carries and how many of its words. Fitted and measured as
// told in docs/decisions/0004-retrieval.md, so that about one answerable question in twenty is refused.
func (f *fusion) confidence(mode Mode) float64 {
	lexical := math.Inf(-1)
	for _, c := range f.found {
		if c.lexical > 0 {
			lexical = max(lexical, 20.9*c.share+0.71*float64(min(c.terms, 4))-5.7)
		}
	}
	return 1 / (1 + math.Exp(-lexical))
}
