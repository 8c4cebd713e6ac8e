package zim

import (
	"io"
	"sync"
)

const (
	pageSize  = 64 << 10
	keptPages = 64
)

// pages reads an archive in pages and keeps the last ones, because lists and entries are read a few
// bytes at a time, by turns, and the file below may be slow or hash a whole block for each read.
type pages struct {
	r    io.ReaderAt
	size int64

	mu   sync.Mutex // guards kept
	kept []page     // the last used first
}

type page struct {
	at   int64
	data []byte
}

func newPages(r io.ReaderAt, size int64) *pages { return &pages{r: r, size: size} }

// ReadAt is that of io.ReaderAt.
func (p *pages) ReadAt(b []byte, off int64) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n < len(b) {
		if off < 0 || off >= p.size {
			return n, io.EOF
		}
		data, err := p.page(off - off%pageSize)
		if err != nil {
			return n, err
		}
		if off%pageSize >= int64(len(data)) {
			return n, io.EOF
		}
		k := copy(b[n:], data[off%pageSize:])
		n, off = n+k, off+int64(k)
	}
	return n, nil
}

func (p *pages) page(at int64) ([]byte, error) {
	for i, k := range p.kept {
		if k.at == at {
			copy(p.kept[1:i+1], p.kept[:i])
			p.kept[0] = k
			return k.data, nil
		}
	}
	var data []byte
	if len(p.kept) == keptPages {
		data = p.kept[keptPages-1].data[:0]
		p.kept = p.kept[:keptPages-1]
	}
	if cap(data) < pageSize {
		data = make([]byte, pageSize)
	}
	data = data[:min(pageSize, p.size-at)]
	n, err := p.r.ReadAt(data, at)
	if n < len(data) && err != nil && err != io.EOF {
		return nil, err
	}
	p.kept = append(p.kept, page{})
	copy(p.kept[1:], p.kept)
	p.kept[0] = page{at, data[:n]}
	return p.kept[0].data, nil
}
