package rag

// knownFrom is the confidence from which the library is said to know.
const knownFrom = 0.5

// confidence estimates, from 0 to 1, whether the passages found answer the question.
func (f *fusion) confidence(mode Mode) float64 {
	cover := 0.0
	for _, c := range f.found {
		cover = max(cover, c.cover)
	}
	return cover
}
