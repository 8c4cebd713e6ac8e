package main

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

func TestTheServiceManagerIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	notify(socket, "READY=1")
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64)
	n, err := c.Read(b)
	if err != nil || string(b[:n]) != "READY=1" {
		t.Errorf("%q, %v", b[:n], err)
	}
	notify("", "READY=1") // no service manager: nothing happens
	notify(filepath.Join(t.TempDir(), "none"), "READY=1")
}

func TestCommandsReachANodeThatListensEverywhere(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:7117": "127.0.0.1:7117", "[::]:80": "127.0.0.1:80", "127.0.0.1:1": "127.0.0.1:1", "[::1]:5": "[::1]:5", "192.168.1.2:7117": "192.168.1.2:7117",
	} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := dialable(a); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestOnThisMachineOnlyMeansFreePortsOfTheLoopback(t *testing.T) {
	for _, a := range stayHome([]string{"/ip4/0.0.0.0/tcp/4117"}, false) {
		if a[:14] != "/ip4/127.0.0.1" {
			t.Errorf("%s leaves this machine", a)
		}
	}
}
