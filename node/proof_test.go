package node

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs/importer"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
)

const provedText = "L'igname se plante en mars, dans une terre meuble et bien fumée."

// proved makes a dataset of one document in many small blocks, and the proof that its holder gives of q.
func proved(t testing.TB, q proofQuestion) (cid.Cid, proofAnswer) {
	t.Helper()
	ctx := context.Background()
	bs := blockstore.NewBlockstore(datastore.NewMapDatastore())
	dag := merkledag.NewDAGService(blockservice.New(bs, nil))
	file, err := importer.BuildDagFromReader(dag, chunk.NewSizeSplitter(strings.NewReader(provedText), 10))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := uio.NewDirectory(dag)
	if err == nil {
		err = dir.AddChild(ctx, "igname.txt", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	root, err := dir.GetNode()
	if err == nil {
		err = dag.Add(ctx, root)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{Blockstore: bs, seen: map[cid.Cid]bool{}}
	if _, err := readRange(ctx, r, root.Cid(), q); err != nil && !errors.Is(err, errNoDocument) {
		t.Fatal(err)
	}
	return root.Cid(), proofAnswer{r.blocks}
}

func TestAProofShowsBytesOfADocumentByTheFewBlocksThatHoldThem(t *testing.T) {
	q := proofQuestion{Doc: "igname.txt", Start: 12, End: 26}
	root, a := proved(t, q)
	b, err := a.follow(t.Context(), root, q)
	if err != nil || string(b) != provedText[12:26] {
		t.Errorf("%q, %v", b, err)
	}
	if len(a.Blocks) != 4 { // the folder, the file, two of its chunks
		t.Errorf("%d blocks", len(a.Blocks))
	}
	for i := range a.Blocks {
		less := proofAnswer{append(append([][]byte{}, a.Blocks[:i]...), a.Blocks[i+1:]...)}
		if b, err := less.follow(t.Context(), root, q); err == nil || errors.Is(err, errNoDocument) {
			t.Errorf("without block %d: %q, %v", i, b, err)
		}
		other := proofAnswer{append([][]byte{}, a.Blocks...)}
		other.Blocks[i] = bytes.ReplaceAll(a.Blocks[i], []byte("e"), []byte("a"))
		if b, err := other.follow(t.Context(), root, q); !bytes.Equal(other.Blocks[i], a.Blocks[i]) && (err == nil || errors.Is(err, errNoDocument)) {
			t.Errorf("with another block %d: %q, %v", i, b, err)
		}
	}
}

func TestAFolderProvesThatADocumentIsNotInIt(t *testing.T) {
	q := proofQuestion{Doc: "cyclone.txt", End: 10}
	root, a := proved(t, q)
	if b, err := a.follow(t.Context(), root, q); !errors.Is(err, errNoDocument) {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := (proofAnswer{}).follow(t.Context(), root, q); err == nil || errors.Is(err, errNoDocument) {
		t.Errorf("no block proves it too: %q, %v", b, err)
	}
}

// Whatever blocks come: what they prove is what the dataset says.
func FuzzProof(f *testing.F) {
	for _, q := range []proofQuestion{{Doc: "igname.txt", End: 64}, {Doc: "igname.txt", Start: 12, End: 26}, {Doc: "cyclone.txt", End: 5}, {Doc: "igname.txt/a", End: 5}} {
		_, a := proved(f, proofQuestion{Doc: strings.TrimSuffix(q.Doc, "/a"), Start: q.Start, End: q.End})
		b, err := cbor.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, q.Doc, q.Start, q.End)
	}
	root, _ := proved(f, proofQuestion{Doc: "igname.txt", End: 1})
	f.Fuzz(func(t *testing.T, answer []byte, doc string, start, end int64) {
		var a proofAnswer
		if cbor.Unmarshal(answer, &a) != nil || start < 0 || end < start {
			return
		}
		b, err := a.follow(t.Context(), root, proofQuestion{Doc: doc, Start: start, End: end})
		if errors.Is(err, errNoDocument) && doc == "igname.txt" {
			t.Error("proved that a document is not there which is")
		}
		if err != nil {
			return
		}
		size := int64(len(provedText))
		if want := provedText[min(start, size):min(end, size)]; doc != "igname.txt" || string(b) != want {
			t.Errorf("proved that %q says %q", doc, b)
		}
	})
}

// A dataset may be one file: then its text may be of any name.
func FuzzProofOfOneFile(f *testing.F) {
	f.Add([]byte("L'igname"), int64(0), int64(8))
	f.Fuzz(func(t *testing.T, block []byte, start, end int64) {
		for _, codec := range []uint64{cid.Raw, cid.DagProtobuf} {
			root, err := cid.Prefix{Version: 1, Codec: codec, MhType: 0x12, MhLength: -1}.Sum(block)
			if err != nil || start < 0 || end < start {
				return
			}
			b, err := (proofAnswer{[][]byte{block}}).follow(t.Context(), root, proofQuestion{Doc: "a", Start: start, End: end})
			if err == nil && len(b) > len(block) {
				t.Errorf("%d bytes of a block of %d", len(b), len(block))
			}
		}
	})
}
