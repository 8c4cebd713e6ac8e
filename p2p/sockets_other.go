//go:build !linux

package p2p

import "syscall"

func congestionHere() string { return "" }

func (sockets) tune(syscall.RawConn) {}
