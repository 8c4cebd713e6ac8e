package p2p

import (
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
)

const (
	muxHeader = 12 // bytes in front of what yamux sends at a time
	// muxPayload is what goes out as one Noise message, and so as one write to the socket.
	muxPayload = noise.MaxPlaintextLength - muxHeader
	// muxWindow is what a stream may have on its way at first. It doubles when half of it is used within four round trips.
	// From the usual 256 KiB a stream over 20 Mbit/s and 15 ms never got beyond 512 KiB and to 80 % of the line; from this
	// it gets to 92 %.
	muxWindow = 512 << 10
)

// newMux is yamux as libp2p sets it up, but for that window, and for messages that fit into one of Noise. By default each
// of them becomes two, the second of 17 bytes, and costs two writes and two wake-ups.
func newMux() *yamux.Transport {
	mux := *yamux.DefaultTransport
	mux.MaxMessageSize = noise.MaxPlaintextLength
	mux.InitialStreamWindowSize = muxWindow
	return &mux
}
