package stick

import "iter"

// Entries gives the sealed entries of all segments, the oldest segment first, each at most MaxEntry bytes and the
// caller's own. They are as they were written, which says nothing about their signatures. An error is about a segment,
// or a part of it: what can still be read of it, and the next ones, follow.
func (s *Stick) Entries() iter.Seq2[[]byte, error] { return func(func([]byte, error) bool) {} }
