package p2p

import (
	"testing"
)

func TestBitswapSleepsUntilSomebodyAsks(t *testing.T) {
	held := newMemory()
	c := raw(t, held, random(1, 100))
	a, b := open(t, Options{Blocks: held}), open(t, Options{})
	connect(t, a, b)
	if a.bitswap.awake != nil {
		t.Fatal("awake with nothing to do")
	}
	if _, err := b.bitswap.wake().GetBlock(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if a.bitswap.awake == nil {
		t.Error("somebody else answered")
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if a.bitswap.wake() != nil {
		t.Error("it woke after the mesh was closed")
	}
}
