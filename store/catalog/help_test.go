package catalog

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
)

// writer is an author with a key made from a name, the same in every run.
type writer struct {
	key crypto.PrivKey
	id  peer.ID
}

func newWriter(t testing.TB, name string) writer {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return writer{key, id}
}

// chain signs n entries numbered on from after (nil for the first), each titled with the label.
func (w writer) chain(t testing.TB, after Sealed, label string, n int) []Sealed {
	t.Helper()
	var out []Sealed
	for range n {
		e := offer(label)
		e.V, e.Author, e.Seq = version, w.id, 1
		if after != nil {
			last, err := after.read()
			if err != nil {
				t.Fatal(err)
			}
			hash := after.Hash()
			e.Seq, e.Prev = last.Seq+1, hash[:]
		}
		e.Root = root(fmt.Sprint(label, e.Seq))
		_, s, err := seal(w.key, e)
		if err != nil {
			t.Fatal(err)
		}
		out, after = append(out, s), s
	}
	return out
}

func root(of string) cid.Cid {
	h, err := multihash.Sum([]byte(of), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return cid.NewCidV1(cid.DagProtobuf, h)
}

// offer is a publication as a node hands it to Append.
func offer(title string) Entry {
	return Entry{Kind: Dataset, Verb: Publish, Title: title, Root: root(title), Size: 1 << 20, Files: 3,
		Lang: "fr", Licence: "CC-BY-4.0", Territory: "Ti-Bourg", Card: "Jardins créoles.\n\n- igname\n- manioc"}
}

func open(t testing.TB, o Options) *Catalog {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func reopen(t testing.TB, c *Catalog) *Catalog {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, c.opts)
}

func add(t testing.TB, c *Catalog, entries ...Sealed) {
	t.Helper()
	added, err := c.AddMany(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range added {
		if a.Err != nil || !a.New {
			t.Fatalf("entry %d of %d: new %v, %v", i+1, len(entries), a.New, a.Err)
		}
	}
}

func titles(t testing.TB, entries func(func(Entry, error) bool)) []string {
	t.Helper()
	var out []string
	for e, err := range entries {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %d", e.Title, e.Seq))
	}
	return out
}

// logged gives a logger and what it has said so far.
func logged() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}
