package p2p

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/ipfs/go-cid"
)

// Bulk is one stream of protocol /savoirs/car/2. The caller sends a frame with a request in CBOR, and then, for as long
// as it wants more, unsigned varints: each lets that many bytes more come. It closes its side when it will let no more
// come. The answer is a CARv1 with the root of the request. For each block of Want, in order, it holds that block and all
// below it, depth first, but
//
//   - what the answering side has not, and what hangs below only that, is left out;
//   - so is what is in Have, with all below it, unless Want names it;
//   - no block comes twice;
//   - it ends when the bytes of its blocks reach what was let come, and the caller has closed its side; or at any earlier
//     point between two blocks.
//
// So the caller knows of every block, when it comes, which one named it, and the answering side needs to remember nothing
// from one request to the next.
const (
	protoCAR   = protoPrefix + "car/2"
	maxWant    = 1024 // CIDs in one request
	maxRequest = maxHave + maxWant*(maxCIDSize+8) + 4<<10
	maxCIDSize = 100 // bytes of a binary CID
	maxCredit  = 1 << 40
	// maxGrants is how often one request may be let bring more.
	maxGrants = 1 << 16
)

type request struct {
	Root  cid.Cid   `cbor:"root"`
	Want  []cid.Cid `cbor:"want"`
	Bytes uint64    `cbor:"bytes"` // let come at first
	Have  *have     `cbor:"have,omitempty"`
}

func readRequest(r *bufio.Reader) (request, error) {
	var q request
	body, err := readFrame(r, maxRequest)
	if err != nil {
		return q, err
	}
	if err := decode(body, &q); err != nil {
		return q, err
	}
	if len(q.Want) > maxWant {
		return q, fmt.Errorf("%w: %d blocks wanted, at most %d", errMalformed, len(q.Want), maxWant)
	}
	for _, c := range append([]cid.Cid{q.Root}, q.Want...) {
		if err := checkCID(c); err != nil {
			return q, err
		}
		if inline(c) || c.ByteLen() > maxCIDSize {
			return q, fmt.Errorf("%w: %s", errMalformed, c)
		}
	}
	return q, q.Have.check()
}

// credit is how many bytes may be sent yet.
type credit struct {
	mu     sync.Mutex // guards what follows
	left   int64
	closed bool          // no more will be granted
	more   chan struct{} // filled when left or closed has changed
}

func newCredit(n uint64) *credit {
	return &credit{left: int64(min(n, maxCredit)), more: make(chan struct{}, 1)}
}

// read takes in what the other side grants until it closes its side, breaks the rules or the stream ends.
func (c *credit) read(r io.ByteReader) {
	for range maxGrants {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			break
		}
		c.add(int64(min(n, maxCredit)))
	}
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wake()
}

func (c *credit) add(n int64) {
	c.mu.Lock()
	c.left = min(c.left+n, maxCredit)
	c.mu.Unlock()
	c.wake()
}

func (c *credit) wake() {
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// spend takes n bytes, which may leave less than none.
func (c *credit) spend(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left -= int64(n)
}

// state tells whether a block may be sent now, and if not, whether that can change.
func (c *credit) state() (open, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left > 0, c.closed
}
