package p2p

import (
	"time"

	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
)

const (
	muxHeader = 12 // bytes in front of what yamux sends at a time
	// muxPayload is what goes out as one Noise message, and so as one write to the socket.
	muxPayload = noise.MaxPlaintextLength - muxHeader
)

// newMux is yamux as libp2p sets it up, but for messages that fit into one of Noise. By default each of them becomes two,
// the second of 17 bytes, and costs two writes and two wake-ups.
func newMux() *yamux.Transport {
	mux := *yamux.DefaultTransport
	mux.MaxMessageSize = noise.MaxPlaintextLength
	// Whether the other side is still there the kernel asks, in 40 bytes every half minute and without waking either
	// process; that what was sent arrives is for deadAfter to watch, and a slow line may take its time.
	mux.EnableKeepAlive = false
	mux.MeasureRTTInterval = time.Hour // it only sizes windows
	mux.ConnectionWriteTimeout = 30 * time.Second
	return &mux
}
