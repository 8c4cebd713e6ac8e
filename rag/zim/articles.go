package zim

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

const (
	// window is how many articles are put in order at a time: 32 MiB. The clusters of a larger archive
	// are read once for each window.
	window = 4 << 20

	// The articles of an archive may inflate to maxRatio times its size, and freeBytes more. Text
	// shrinks to a tenth at best; only entries made to lie on top of each other get near.
	maxRatio  = 250
	freeBytes = 256 << 20
)

// An Article is an entry with its content, a page of html.
type Article struct {
	Entry
	Content *io.SectionReader
}

// Articles returns the pages of html of an archive, without redirects, each content once though it may
// have several names. They come cluster by cluster and not by path, so that each cluster is decompressed
// once. One that cannot be read is given with its error, and the next one follows; an error without a
// path ends it, or tells of an entry that cannot be read.
func (a *Archive) Articles() iter.Seq2[Article, error] {
	return func(yield func(Article, error) bool) {
		s := scan{a: a, budget: maxRatio*a.size + freeBytes}
		for from := uint32(0); from < a.entries; {
			var keys []uint64
			var ok bool
			if keys, from, ok = s.window(from, yield); !ok || !s.give(keys, yield) {
				return
			}
		}
	}
}

// scan is one walk over the articles.
type scan struct {
	a      *Archive
	budget int64 // bytes that may still come
	last   Entry // of the entries read: their order shows that none comes twice
}

// window reads entries from one on and returns the articles among them, cluster in the high half and
// entry in the low half, in order, and the entry to go on from.
func (s *scan) window(from uint32, yield func(Article, error) bool) (keys []uint64, next uint32, ok bool) {
	for ; from < s.a.entries && len(keys) < window; from++ {
		e, err := s.a.Entry(from)
		if err == nil && from > 0 && !after(e, s.last) {
			yield(Article{}, fmt.Errorf("%w: entry %d, %c/%s, is out of order", ErrDamaged, from, e.Namespace, e.Path))
			return nil, from, false
		}
		if err != nil {
			if !yield(Article{Entry: Entry{Index: from}}, err) {
				return nil, from, false
			}
			continue
		}
		s.last = e
		if s.a.isArticle(e) {
			keys = append(keys, uint64(e.cluster)<<32|uint64(from))
		}
	}
	slices.Sort(keys)
	return keys, from, true
}

func after(e, last Entry) bool {
	return e.Namespace > last.Namespace || e.Namespace == last.Namespace && e.Path > last.Path
}

// IsPage tells whether e is content of html, which an article is.
func (e Entry) IsPage() bool {
	kind, _, _ := strings.Cut(e.MIME, ";")
	kind = strings.TrimSpace(kind)
	return (kind == "text/html" || kind == "application/xhtml+xml") && !strings.Contains(e.MIME, "raw=true")
}

// isArticle tells whether an entry is a page that is there to be read.
func (a *Archive) isArticle(e Entry) bool {
	space := byte('A')
	if a.newNames() {
		space = 'C'
	}
	return e.Namespace == space && e.IsPage()
}

// give yields the articles of a window.
func (s *scan) give(keys []uint64, yield func(Article, error) bool) bool {
	seen, cluster := map[uint32]bool{}, uint32(none)
	for _, k := range keys {
		e, err := s.a.Entry(uint32(k))
		if err == nil && e.cluster != cluster {
			clear(seen)
			cluster = e.cluster
			s.budget -= s.a.weight(cluster)
		}
		if err == nil && seen[e.blob] {
			continue
		}
		seen[e.blob] = true
		art := Article{Entry: e}
		if err == nil {
			art.Content, err = s.a.Blob(e)
		}
		if err == nil {
			s.budget -= art.Content.Size()
		}
		if s.budget < 0 {
			yield(Article{}, fmt.Errorf("%w: articles lie on top of each other", ErrTooLarge))
			return false
		}
		if !yield(art, err) {
			return false
		}
	}
	return true
}

// weight is how much must be decompressed for a cluster, in bytes.
func (a *Archive) weight(number uint32) int64 {
	c, err := a.cluster(number)
	if err != nil || !c.compressed() {
		return 0
	}
	data, err := a.inflated(c)
	if err != nil {
		return maxCluster
	}
	return int64(len(data))
}
