// Package zimtest writes small ZIM archives for tests, in every way that package zim reads and in wrong
// ones. It is no writer for anybody else: it keeps all in memory and panics when a test asks for nonsense.
package zimtest

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Ways to store a cluster.
const (
	Plain = 1
	XZ    = 4
	Zstd  = 5
)

// An Archive to write. The zero value with entries is version 6.1, plain, two blobs a cluster.
type Archive struct {
	Major       uint16 // 5, or 6
	OldNames    bool   // of a version 6: 6.0, with articles under A as in version 5
	Compression byte
	Extended    bool   // offsets of 8 bytes
	PerCluster  int    // blobs in a cluster
	MainPage    string // name space and path, as in "C/home"
	NoChecksum  bool
	Entries     []Entry // in any order
}

// An Entry is content, or with To a redirect to another one.
type Entry struct {
	Name  string // name space and path, as in "C/home"
	Title string
	MIME  string // "" is text/html
	Text  string
	To    string // name of the target
}

// Metadata returns an entry under M.
func Metadata(name, text string) Entry {
	return Entry{Name: "M/" + name, MIME: "text/plain", Text: text}
}

// Bytes returns the archive.
//
//	head | media types | entries | entry pointers | title pointers | cluster pointers | clusters | MD5
func (a Archive) Bytes() []byte {
	a.Major = cmp.Or(a.Major, 6)
	a.Compression = cmp.Or(a.Compression, Plain)
	a.PerCluster = cmp.Or(a.PerCluster, 2)
	entries := slices.Clone(a.Entries)
	slices.SortFunc(entries, func(x, y Entry) int { return cmp.Compare(x.Name, y.Name) })
	index := map[string]uint32{}
	for i, e := range entries {
		index[e.Name] = uint32(i)
	}

	out := make([]byte, 80)
	var mimes []string
	for _, e := range entries {
		if m := cmp.Or(e.MIME, "text/html"); e.To == "" && !slices.Contains(mimes, m) {
			mimes = append(mimes, m)
		}
	}
	for _, m := range mimes {
		out = append(append(out, m...), 0)
	}
	out = append(out, 0)

	le := binary.LittleEndian
	var places []uint64
	var blobs []string
	for _, e := range entries {
		places = append(places, uint64(len(out)))
		if e.To != "" {
			target, ok := index[e.To]
			if !ok {
				panic(fmt.Sprintf("%s redirects to %s, which is not there", e.Name, e.To))
			}
			out = append(out, 0xff, 0xff, 0, e.Name[0], 0, 0, 0, 0)
			out = le.AppendUint32(out, target)
		} else {
			out = le.AppendUint16(out, uint16(slices.Index(mimes, cmp.Or(e.MIME, "text/html"))))
			out = append(out, 0, e.Name[0], 0, 0, 0, 0)
			out = le.AppendUint32(out, uint32(len(blobs)/a.PerCluster))
			out = le.AppendUint32(out, uint32(len(blobs)%a.PerCluster))
			blobs = append(blobs, e.Text)
		}
		out = append(append(out, e.Name[2:]...), 0)
		out = append(append(out, e.Title...), 0)
	}
	entryList := len(out)
	for _, p := range places {
		out = le.AppendUint64(out, p)
	}
	titleList := len(out)
	for i := range entries {
		out = le.AppendUint32(out, uint32(i))
	}
	clusters := slices.Collect(slices.Chunk(blobs, a.PerCluster))
	clusterList := len(out)
	out = append(out, make([]byte, 8*len(clusters))...)
	for i, c := range clusters {
		le.PutUint64(out[clusterList+8*i:], uint64(len(out)))
		out = append(out, a.cluster(c)...)
	}

	le.PutUint32(out, 0x044D495A)
	le.PutUint16(out[4:], a.Major)
	if a.Major == 6 && !a.OldNames {
		le.PutUint16(out[6:], 1)
	}
	le.PutUint32(out[24:], uint32(len(entries)))
	le.PutUint32(out[28:], uint32(len(clusters)))
	le.PutUint64(out[32:], uint64(entryList))
	le.PutUint64(out[40:], uint64(titleList))
	le.PutUint64(out[48:], uint64(clusterList))
	le.PutUint64(out[56:], 80)
	le.PutUint32(out[64:], 0xffffffff)
	if main, ok := index[a.MainPage]; ok {
		le.PutUint32(out[64:], main)
	}
	le.PutUint32(out[68:], 0xffffffff)
	if a.NoChecksum {
		return out
	}
	le.PutUint64(out[72:], uint64(len(out)))
	sum := md5.Sum(out)
	return append(out, sum[:]...)
}

// cluster is blobs as they are stored.
func (a Archive) cluster(blobs []string) []byte {
	kind, width := a.Compression, 4
	if a.Extended {
		kind, width = kind|0x10, 8
	}
	var body []byte
	at := (len(blobs) + 1) * width
	for i := 0; ; i++ {
		var o [8]byte
		binary.LittleEndian.PutUint64(o[:], uint64(at))
		body = append(body, o[:width]...)
		if i == len(blobs) {
			break
		}
		at += len(blobs[i])
	}
	for _, b := range blobs {
		body = append(body, b...)
	}
	return append([]byte{kind}, Compress(a.Compression, body)...)
}

// Compress returns data in one of the ways above.
func Compress(kind byte, data []byte) []byte {
	var out bytes.Buffer
	switch kind {
	case XZ:
		w, err := xz.NewWriter(&out)
		must(err)
		_, err = w.Write(data)
		must(err)
		must(w.Close())
	case Zstd:
		w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		must(err)
		_, err = w.Write(data)
		must(err)
		must(w.Close())
	default:
		return data
	}
	return out.Bytes()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
