package store

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// ErrHostile is returned for content that cannot be an honest item: a DAG that is not UnixFS files and folders, that
// lies about sizes, whose names would leave the folder, or that is larger or deeper than the limits.
var ErrHostile = errors.New("refused content")

// Limits of what is taken from strangers. Honest items stay far below.
const (
	maxDepth   = 64      // folders in folders
	maxLevels  = 32      // nodes above a leaf of one file, or of one sharded folder
	maxName    = 255     // bytes of a file name
	maxPath    = 2048    // bytes of a path inside an item
	maxLinks   = 1 << 16 // links of one node
	maxEntries = 1 << 20 // files and folders of an item
	freeParts  = 1 << 16 // parts of files, beyond which there must be one KiB for each on average
)

// single is the name of the file when the root itself is a file; there is no name for it anywhere.
const single = "content"

// role is what a parent expects of a child.
type role byte

const (
	entry role = iota // a file or folder
	part              // a part of a file
	shard             // a part of a sharded folder
)

// place is where a block belongs in an item.
type place struct {
	c     cid.Cid
	role  role
	path  string // slash-separated; "" is the root folder
	off   int64  // where its content starts in the file
	size  int64  // content bytes its parent promised, -1 when it promised none
	depth int    // folders above
	level int    // nodes of the same file or sharded folder above
	fan   uint64 // fanout of the sharded folder
}

// shape is what a block turned out to be.
type shape byte

const (
	folder   shape = iota // starts a folder
	moreOf                // continues a sharded folder
	fileTop               // starts a file
	filePart              // continues a file
	leaf                  // the bytes of a file or of a part of one
)

// opened is a block understood in its place.
type opened struct {
	shape    shape
	path     string // as in place, but for a root that is a file
	off      int64
	size     int64  // content bytes below it; 0 for folders
	inline   []byte // content carried by a node itself, at off
	children []place
}

// open reads a block in the place it belongs to and refuses everything that cannot be there.
func open(p place, data []byte) (opened, error) {
	o, err := understand(p, data)
	if err != nil {
		return opened{}, fmt.Errorf("%w: block %s at %q: %w", ErrHostile, p.c, p.path, err)
	}
	return o, nil
}

func understand(p place, data []byte) (opened, error) {
	if p.path == "" && p.role != shard && p.depth == 0 {
		if o, err := understandNamed(p, data); err != nil || o.shape == folder {
			return o, err
		}
		p.path = single
	}
	return understandNamed(p, data)
}

func understandNamed(p place, data []byte) (opened, error) {
	switch p.c.Type() {
	case cid.Raw:
		if p.role == shard {
			return opened{}, errors.New("bytes in a sharded folder")
		}
		if p.size >= 0 && p.size != int64(len(data)) {
			return opened{}, fmt.Errorf("%d bytes where %d were promised", len(data), p.size)
		}
		return opened{shape: leaf, path: p.path, off: p.off, size: int64(len(data))}, nil
	case cid.DagProtobuf:
	default:
		return opened{}, fmt.Errorf("codec %#x is neither raw nor dag-pb", p.c.Type())
	}
	pb, err := merkledag.DecodeProtobuf(data)
	if err != nil {
		return opened{}, err
	}
	links := pb.Links()
	if len(links) > maxLinks {
		return opened{}, fmt.Errorf("%d links in one node", len(links))
	}
	for _, l := range links {
		if err := checkCid(l.Cid); err != nil {
			return opened{}, err
		}
	}
	n, err := unixfs.FSNodeFromBytes(pb.Data())
	if err != nil {
		return opened{}, fmt.Errorf("not UnixFS: %w", err)
	}
	switch t := n.Type(); t {
	case unixfs.TDirectory:
		return understandFolder(p, links)
	case unixfs.THAMTShard:
		return understandShard(p, n, links)
	case unixfs.TFile, unixfs.TRaw:
		return understandFile(p, n, links)
	default:
		return opened{}, fmt.Errorf("UnixFS type %s is neither file nor folder", t)
	}
}

func understandFolder(p place, links []*ipld.Link) (opened, error) {
	if p.role != entry {
		return opened{}, errors.New("folder inside a file or a sharded folder")
	}
	o := opened{shape: folder, path: p.path, children: make([]place, 0, len(links))}
	seen := make(map[string]struct{}, len(links))
	for _, l := range links {
		if _, ok := seen[l.Name]; ok {
			return opened{}, fmt.Errorf("name %q twice", l.Name)
		}
		seen[l.Name] = struct{}{}
		child, err := entryOf(p, l.Name, l.Cid)
		if err != nil {
			return opened{}, err
		}
		o.children = append(o.children, child)
	}
	return o, nil
}

func understandShard(p place, n *unixfs.FSNode, links []*ipld.Link) (opened, error) {
	o := opened{shape: folder, path: p.path, children: make([]place, 0, len(links))}
	fan := n.Fanout()
	switch p.role {
	case part:
		return opened{}, errors.New("folder inside a file")
	case shard:
		o.shape = moreOf
		if fan != p.fan {
			return opened{}, fmt.Errorf("fanout %d under fanout %d", fan, p.fan)
		}
	}
	if fan < 8 || fan > 1024 || fan&(fan-1) != 0 {
		return opened{}, fmt.Errorf("fanout %d", fan)
	}
	if p.level >= maxLevels {
		return opened{}, errors.New("sharded too deeply")
	}
	prefix := len(fmt.Sprintf("%X", fan-1))
	seen := make(map[string]struct{}, len(links))
	for _, l := range links {
		if len(l.Name) < prefix {
			return opened{}, fmt.Errorf("shard link %q", l.Name)
		}
		if _, ok := seen[l.Name]; ok {
			return opened{}, fmt.Errorf("name %q twice", l.Name)
		}
		seen[l.Name] = struct{}{}
		if len(l.Name) == prefix {
			o.children = append(o.children, place{c: l.Cid, role: shard, path: p.path, size: -1,
				depth: p.depth, level: p.level + 1, fan: fan})
			continue
		}
		child, err := entryOf(p, l.Name[prefix:], l.Cid)
		if err != nil {
			return opened{}, err
		}
		o.children = append(o.children, child)
	}
	return o, nil
}

func understandFile(p place, n *unixfs.FSNode, links []*ipld.Link) (opened, error) {
	if p.role == shard {
		return opened{}, errors.New("file as a part of a sharded folder")
	}
	sizes := n.BlockSizes()
	if len(sizes) != len(links) {
		return opened{}, fmt.Errorf("%d sizes for %d links", len(sizes), len(links))
	}
	if len(links) > 0 && p.level >= maxLevels {
		return opened{}, errors.New("file nested too deeply")
	}
	o := opened{shape: filePart, path: p.path, off: p.off, inline: n.Data(), children: make([]place, 0, len(links))}
	if p.role == entry {
		o.shape = fileTop
	}
	const most = 1 << 60
	sum := int64(len(o.inline))
	for i, l := range links {
		if sizes[i] == 0 || sizes[i] > most || sum > most {
			return opened{}, fmt.Errorf("part of %d bytes", sizes[i])
		}
		o.children = append(o.children, place{c: l.Cid, role: part, path: p.path, off: p.off + sum, size: int64(sizes[i]),
			depth: p.depth, level: p.level + 1})
		sum += int64(sizes[i])
	}
	if n.FileSize() != uint64(sum) {
		return opened{}, fmt.Errorf("says %d bytes, its parts are %d", n.FileSize(), sum)
	}
	if p.size >= 0 && p.size != sum {
		return opened{}, fmt.Errorf("%d bytes where %d were promised", sum, p.size)
	}
	o.size = sum
	return o, nil
}

// entryOf makes the place of a file or folder named by a link, refusing names that are not plain file names.
func entryOf(parent place, name string, c cid.Cid) (place, error) {
	if err := checkName(name); err != nil {
		return place{}, err
	}
	p := place{c: c, role: entry, path: path.Join(parent.path, name), size: -1, depth: parent.depth + 1}
	if p.depth > maxDepth {
		return place{}, fmt.Errorf("more than %d folders deep", maxDepth)
	}
	if len(p.path) > maxPath {
		return place{}, fmt.Errorf("path of %d bytes", len(p.path))
	}
	return p, nil
}

func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
	case len(name) > maxName:
	case strings.ContainsAny(name, "/\x00"):
	case !utf8.ValidString(name):
	default:
		return nil
	}
	return fmt.Errorf("file name %q", name)
}
