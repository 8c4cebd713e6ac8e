package attacktest

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	mh "github.com/multiformats/go-multihash"
)

const (
	entryDomain = "savoirs-catalogue-entry"
	entryCodec  = "/savoirs/entry/1"
)

// Offer is the first entry of an author: it says that there is an item, of that size, with that root. See docs/format.md.
func Offer(author crypto.PrivKey, root cid.Cid, title string, size int64) ([]byte, error) {
	id, err := peer.IDFromPrivateKey(author)
	if err != nil {
		return nil, err
	}
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	said, err := mode.Marshal(map[string]any{
		"v": 1, "author": []byte(id), "seq": 1, "kind": "dataset", "verb": "publish",
		"title": title, "root": root.Bytes(), "size": size, "files": 1, "lang": "fr",
	})
	if err != nil {
		return nil, err
	}
	var signed []byte
	for _, part := range [][]byte{[]byte(entryDomain), []byte(entryCodec), said} {
		signed = append(binary.AppendUvarint(signed, uint64(len(part))), part...)
	}
	sig, err := author.Sign(signed)
	if err != nil {
		return nil, err
	}
	public, err := author.GetPublic().Raw()
	if err != nil {
		return nil, err
	}
	sealed := append([]byte("\x0a\x24\x08\x01\x12\x20"), public...)
	sealed = append(append(sealed, 0x12, byte(len(entryCodec))), entryCodec...)
	sealed = append(binary.AppendUvarint(append(sealed, 0x1a), uint64(len(said))), said...)
	return append(append(sealed, 0x2a, 0x40), sig...), nil
}

// stock is entries of authors who said one thing each, of items that nobody has.
type stock struct {
	mu      sync.Mutex // guards entries
	entries [][]byte
}

const (
	stockSize  = 50_000
	answerSize = 256 // entries
	fresh      = 64  // of those, by authors nobody heard of
)

// answer is entries for one answer: some fresh, the rest given before.
func (s *stock) answer() ([][]byte, error) {
	var out [][]byte
	for range fresh {
		key, err := NewKey()
		if err != nil {
			return nil, err
		}
		hash, err := mh.Sum(random(16), mh.SHA2_256, -1)
		if err != nil {
			return nil, err
		}
		e, err := Offer(key, cid.NewCidV1(cid.DagProtobuf, hash), "Cahier de nulle part", 1<<20)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range out {
		if len(s.entries) < stockSize {
			s.entries = append(s.entries, e)
			continue
		}
		s.entries[mathrand.IntN(stockSize)] = e
	}
	for len(out) < answerSize {
		out = append(out, s.entries[mathrand.IntN(len(s.entries))])
	}
	return out, nil
}

// serveCatalogue makes h answer questions about its catalogue with what entries gives, and claim each time to have more.
func serveCatalogue(h host.Host, entries func() ([][]byte, error)) {
	h.SetStreamHandler("/savoirs/catalogue/1", func(s network.Stream) {
		defer s.Close()
		var q struct {
			Split   []string `cbor:"split"`
			Within  []string `cbor:"within"`
			Heights []any    `cbor:"heights"`
		}
		if readQuestion(s, &q) != nil {
			return
		}
		a := map[string]any{}
		if len(q.Split)+len(q.Within)+len(q.Heights) == 0 {
			q.Split, a["root"] = []string{""}, random(16)
		}
		var branches []any
		for _, p := range q.Split {
			var parts [][]byte
			for range 16 {
				parts = append(parts, random(16))
			}
			branches = append(branches, map[string]any{"prefix": p, "parts": parts})
		}
		if branches != nil {
			a["branches"] = branches
		}
		if len(q.Within)+len(q.Heights) > 0 {
			all, err := entries()
			if err != nil {
				return
			}
			a["entries"], a["more"] = all, true
		}
		b, err := cbor.Marshal(a)
		if err == nil {
			s.SetWriteDeadline(time.Now().Add(5 * time.Second))
			s.Write(append(binary.AppendUvarint([]byte{0}, uint64(len(b))), b...))
		}
	})
}

// readQuestion reads a frame with CBOR.
func readQuestion(r io.Reader, q any) error {
	in := bufio.NewReader(r)
	n, err := binary.ReadUvarint(in)
	if err != nil || n > 1<<20 {
		return io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(in, b); err != nil {
		return err
	}
	return cbor.Unmarshal(b, q)
}

// Entries brings, as n peers, validly signed entries by thousands of authors made for the purpose, whenever it is asked for
// news, and has itself asked by heads of such authors.
func Entries(ctx context.Context, t Target, n int) error {
	var all stock
	return hands(ctx, n, func(ctx context.Context) error {
		return appear(ctx, t, func(h host.Host) { serveCatalogue(h, all.answer) }, func(h host.Host) error {
			return speakOfHeads(ctx, h, t)
		})
	})
}

// speakOfHeads has h asked for news again and again.
func speakOfHeads(ctx context.Context, h host.Host, t Target) error {
	return speak(ctx, h, t, func(key crypto.PrivKey) ([]*pb.RPC, error) {
		rest(ctx, 100*time.Millisecond)
		return inventedHeads(key)
	})
}
