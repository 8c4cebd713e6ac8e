package node_test

import (
	"testing"

	"github.com/ipfs/go-cid"

	"savoirs/p2p/attacktest"
	"savoirs/store/catalog"
)

// Strangers write entries by docs/format.md alone, which holds that document to what is read.
func TestAnEntryWrittenByTheFormatAloneIsOne(t *testing.T) {
	key := newKey(t)
	root := cid.MustParse("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi")
	sealed, err := attacktest.Offer(key, root, "Cahier", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	e, err := catalog.Sealed(sealed).Open()
	if err != nil {
		t.Fatal(err)
	}
	if !e.Author.MatchesPrivateKey(key) || e.Title != "Cahier" || e.Root != root || e.Size != 1<<20 || e.Seq != 1 {
		t.Errorf("%+v", e)
	}
}
