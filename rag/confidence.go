package rag

import "math"

// knownFrom is the confidence from which the library is said to know.
const knownFrom = 0.5

// confidence estimates, from 0 to 1, whether the library has the answer: a logistic model of two kinds
// of evidence, fitted and measured as told in docs/decisions/0004-retrieval.md so that about one
// answerable question in twenty is refused.
//
// By words: how much of the score that its terms allow the best passage reaches, and how many of them
// it has. By meaning: how far the best passage lies above what questions of strangers find.
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
	beyond, ok := beyondChance(f.best, f.q.lang, f.xs)
	if !ok {
		return logistic(byWords)
	}
	byMeaning := 2 * (beyond - 1.5)
	if mode == ModeDense || f.acrossLanguages() {
		return logistic(byMeaning)
	}
	return logistic(byMeaning + min(byWords, evidenceMost))
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
	return best != nil && f.q.foreign(f.lang(best))
}
