package rag

import "math"

// knownFrom is the confidence from which the library is said to know.
const knownFrom = 0.5

// confidence estimates, from 0 to 1, whether the library has the answer: a logistic model of two kinds
// of evidence, fitted and measured as told in docs/decisions/0021-answers-to-trust.md.
//
// By words: how much of the score that its terms allow the best passage reaches, and how many of them
// it has. By meaning: how far the best passage lies above what questions of strangers find, and how much
// nearer it is than the subjects of the world, again beside strangers.
func (f *fusion) confidence(mode Mode) float64 {
	byWords := -evidenceMost
	for _, c := range f.found {
		if c.lexical > 0 {
			byWords = max(byWords, 20.9*c.share+0.71*float64(min(c.terms, 4))-5.5)
		}
	}
	if !f.hasDense {
		return logistic(byWords)
	}
	stands, ok := standingOf(f.best, f.world, f.q.lang, f.xs)
	if !ok {
		return logistic(byWords)
	}
	beyond, margin := min(max(stands.beyond, -2), 4), min(max(stands.margin, -2), 5)
	switch {
	case creole(f.q.lang):
		return logistic(0.65*margin + 0.6*beyond + 1.4*min(byWords, evidenceMost) - 4.1)
	case mode == ModeDense || f.acrossLanguages():
		return logistic(1.4*margin + 1.4*beyond - 5.2)
	}
	return logistic(0.7*margin + 0.75*beyond + min(byWords, evidenceMost) - 3.4)
}

// evidenceMost bounds what words alone can say for or against, in units of the logistic function.
const evidenceMost = 4.0

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// acrossLanguages tells whether the best passage is known to be in another language than the question.
func (f *fusion) acrossLanguages() bool {
	var best *fused
	for _, c := range f.found {
		if best == nil || c.cos > best.cos {
			best = c
		}
	}
	return best != nil && f.q.apart(f.lang(best))
}
