package rag

import index "github.com/blevesearch/bleve_index_api"

// cursor stands at one posting of a term or of one of its kin.
type cursor struct {
	tfr    index.TermFieldReader
	doc    *index.TermFieldDoc
	id     uint64 // of the passage; done after the last
	of     *termWalk
	weight float64

	taken uint64 // the last passage counted; done before one is
	freq  float64
}

func (c *cursor) at(doc *index.TermFieldDoc, err error) error {
	if err != nil {
		return err
	}
	if c.id = done; doc != nil {
		c.doc, c.id = doc, doc.ID.Value()
	}
	return nil
}

// start moves to the first posting not before a passage.
func (c *cursor) start(from uint64) error {
	if from == 0 {
		return c.next()
	}
	return c.at(c.tfr.Advance(index.NewIndexInternalID(nil, from), c.doc))
}

func (c *cursor) next() error { return c.at(c.tfr.Next(c.doc)) }

// reach moves to the first posting not before a passage.
func (c *cursor) reach(id index.IndexInternalID, at uint64) error {
	if c.id >= at {
		return nil
	}
	return c.at(c.tfr.Advance(id, c.doc))
}

// take counts the posting for its term and returns the length of the passage.
func (c *cursor) take() (length float64) {
	c.taken, c.freq = c.id, float64(c.doc.Freq)
	c.of.tf += c.weight * c.freq
	return 1 / (c.doc.Norm * c.doc.Norm)
}

// heap holds the cursors that have postings ahead, the lowest passage first.
type heap []*cursor

func newHeap(terms []*termWalk) (h heap) {
	for _, st := range terms {
		for _, c := range st.cursors {
			if c.id != done {
				h = append(h, c)
			}
		}
	}
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.sift(i)
	}
	return h
}

// advance moves the lowest cursor on.
func (h *heap) advance() error {
	a := *h
	if err := a[0].next(); err != nil {
		return err
	}
	if last := len(a) - 1; a[0].id == done {
		a[0], a = a[last], a[:last]
	}
	a.sift(0)
	*h = a
	return nil
}

func (h heap) sift(i int) {
	for {
		low := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(h) && h[child].id < h[low].id {
				low = child
			}
		}
		if low == i {
			return
		}
		h[i], h[low] = h[low], h[i]
		i = low
	}
}
