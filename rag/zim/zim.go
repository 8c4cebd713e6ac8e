// Package zim reads ZIM archives, the files in which Kiwix keeps an encyclopedia, a forum or a set of
// courses, without unpacking them: versions 5 and 6, with the old and the new name spaces, clusters
// stored plain or compressed with xz or zstd.
//
// It is no writer and no search: the indexes inside an archive are left alone. It knows nothing of
// HTML.
//
// Start with [Open], then [Archive.Articles] to read all of it or [Archive.Find] and [Archive.Blob] to
// read one page.
//
// Archives are hostile until proved otherwise. Every number in one is checked before it is used, memory
// has limits that do not depend on the size of the file, and whatever is wrong gives an error that names
// it.
package zim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
)

// Errors of this package. An error of the file below comes back wrapped, as it is.
var (
	// ErrNotZIM: the file does not begin as an archive does.
	ErrNotZIM = errors.New("not a ZIM archive")
	// ErrDamaged: something in the archive contradicts the rest of it. The text says what.
	ErrDamaged = errors.New("ZIM archive is damaged")
	// ErrTruncated: the file ends before the archive does. It wraps ErrDamaged.
	ErrTruncated = fmt.Errorf("%w: its end is missing", ErrDamaged)
	// ErrUnsupported: a version or a compression that is not read here.
	ErrUnsupported = errors.New("ZIM archive of a kind that is not read")
	// ErrSplit: a piece of an archive that was cut into several files, see [IsPiece].
	ErrSplit = errors.New("piece of a split ZIM archive")
	// ErrTooLarge: a cluster, or the articles all together, are larger than the limits.
	ErrTooLarge = errors.New("ZIM archive holds more than the limits allow")
	// ErrNotFound: no entry under that path.
	ErrNotFound = errors.New("no such entry in the ZIM archive")
)

const (
	magic     = 0x044D495A
	headerLen = 80
	none      = 0xffffffff // an entry that there is not

	maxMIMEs    = 64 << 10 // bytes of the list of media types
	maxMIMEType = 256      // bytes of one of them
)

// An Archive is an open ZIM file. Its methods may be called concurrently; one cluster at a time is
// decompressed.
type Archive struct {
	r    *pages
	size int64
	end  int64 // of clusters and entries: the checksum, or the end of the file

	major, minor       uint16
	entries, clusters  uint32
	entryList, clsList int64 // where the lists of pointers are
	mainPage           uint32
	checksum           int64 // where it is; 0: there is none
	mimes              []string

	mu   sync.Mutex // guards kept and unzstd
	kept keeper
	zstd unzstd
}

// Open reads the head of the archive of size bytes in r. Nothing needs to be closed; r must stay open
// for as long as the archive and what came of it are used. Errors: ErrNotZIM, ErrDamaged, ErrTruncated,
// ErrUnsupported, those of r.
func Open(r io.ReaderAt, size int64) (*Archive, error) {
	a := &Archive{r: newPages(r, size), size: size}
	if err := a.readHeader(); err != nil {
		return nil, err
	}
	if err := a.readMIMEs(); err != nil {
		return nil, err
	}
	return a, nil
}

// readHeader reads the first 80 bytes, all little endian:
//
//	magic u32 | major u16 | minor u16 | uuid [16]byte | entries u32 | clusters u32 | entry pointers u64
//	title pointers u64 | cluster pointers u64 | media types u64 | main page u32 | layout page u32 | checksum u64
func (a *Archive) readHeader() error {
	var h [headerLen]byte
	n, err := a.r.ReadAt(h[:], 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the head: %w", err)
	}
	le := binary.LittleEndian
	if n < 4 || le.Uint32(h[:]) != magic {
		return ErrNotZIM
	}
	if n < headerLen {
		return fmt.Errorf("%w: %d bytes are no whole head", ErrTruncated, n)
	}
	a.major, a.minor = le.Uint16(h[4:]), le.Uint16(h[6:])
	if a.major != 5 && a.major != 6 {
		return fmt.Errorf("%w: version %d", ErrUnsupported, a.major)
	}
	a.entries, a.clusters, a.mainPage = le.Uint32(h[24:]), le.Uint32(h[28:]), le.Uint32(h[64:])
	a.end = a.size
	// The checksum came into the head later: where the media types begin before it, there is none.
	if sum := le.Uint64(h[72:]); sum != 0 && le.Uint64(h[56:]) >= headerLen {
		if sum >= 1<<56 || sum < headerLen {
			return fmt.Errorf("%w: checksum at byte %d", ErrDamaged, sum)
		}
		a.checksum, a.end = int64(sum), int64(sum)
		if have, want := a.size, int64(sum)+16; have < want {
			return fmt.Errorf("%w: %d of %d bytes are there", ErrTruncated, have, want)
		}
	}
	if a.entryList, err = a.list("entry pointers", le.Uint64(h[32:]), a.entries); err != nil {
		return err
	}
	if a.clsList, err = a.list("cluster pointers", le.Uint64(h[48:]), a.clusters); err != nil {
		return err
	}
	return nil
}

// list checks that n pointers at pos lie in the archive.
func (a *Archive) list(what string, pos uint64, n uint32) (int64, error) {
	if size := uint64(n) * 8; pos < 72 || pos > uint64(a.end) || size > uint64(a.end)-pos {
		return 0, fmt.Errorf("%w: %d %s at byte %d of %d", ErrDamaged, n, what, pos, a.end)
	}
	return int64(pos), nil
}

// readMIMEs reads the media types: texts ended by a zero, the last one empty.
func (a *Archive) readMIMEs() error {
	var at [8]byte
	if err := a.read(at[:], 56); err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	pos := binary.LittleEndian.Uint64(at[:])
	if pos < 72 || pos >= uint64(a.end) {
		return fmt.Errorf("%w: media types at byte %d of %d", ErrDamaged, pos, a.end)
	}
	list := make([]byte, min(maxMIMEs, a.end-int64(pos)))
	if err := a.read(list, int64(pos)); err != nil {
		return fmt.Errorf("read the media types: %w", err)
	}
	rest := string(list)
	for {
		mime, after, ok := strings.Cut(rest, "\x00")
		if !ok || len(mime) > maxMIMEType {
			return fmt.Errorf("%w: the list of media types does not end", ErrDamaged)
		}
		if mime == "" {
			return nil
		}
		a.mimes, rest = append(a.mimes, mime), after
	}
}

// read fills b from byte off of the archive. That it lies there was checked, so an end is damage.
func (a *Archive) read(b []byte, off int64) error {
	n, err := a.r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == io.EOF || err == nil {
		return fmt.Errorf("%w: nothing at byte %d", ErrTruncated, off+int64(n))
	}
	return err
}

// pointer reads the i-th of a list of pointers.
func (a *Archive) pointer(list int64, i uint32) (uint64, error) {
	var b [8]byte
	err := a.read(b[:], list+8*int64(i))
	return binary.LittleEndian.Uint64(b[:]), err
}

// Len is how many entries there are, with redirects and all that is no article.
func (a *Archive) Len() int { return int(a.entries) }

// newNames tells whether content is under C, metadata under M and the main page under W; before 6.1
// articles were under A, images under I and so on.
func (a *Archive) newNames() bool { return a.major == 6 && a.minor >= 1 }

// IsArchive tells from its name alone whether a file should be an archive.
func IsArchive(name string) bool { return ending(name) == "zim" }

// IsPiece tells from its name alone whether a file is a piece of an archive cut into several: .zimaa,
// .zimab and so on. The first piece begins as an archive does.
func IsPiece(name string) bool {
	e := ending(name)
	return len(e) == 5 && strings.HasPrefix(e, "zim") && e[3] >= 'a' && e[3] <= 'z' && e[4] >= 'a' && e[4] <= 'z'
}

func ending(name string) string {
	return strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
}
