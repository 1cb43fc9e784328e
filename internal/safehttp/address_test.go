package safehttp

import (
	"net/netip"
	"testing"
)

func TestPublic(t *testing.T) {
	const public, local, never = 2, 1, 0
	for _, tt := range []struct {
		addr string
		is   int
	}{
		{"8.8.8.8", public},
		{"1.1.1.1", public},
		{"100.63.255.255", public},
		{"100.128.0.0", public},
		{"172.32.0.1", public},
		{"223.255.255.255", public},
		{"2606:4700:4700::1111", public},
		{"::ffff:8.8.8.8", public},
		{"64:ff9b::808:808", public},

		{"127.0.0.1", local},
		{"127.255.255.254", local},
		{"::1", local},
		{"::ffff:127.0.0.1", local},
		{"64:ff9b::7f00:1", local},
		{"10.0.0.1", local},
		{"172.16.0.1", local},
		{"172.31.255.255", local},
		{"192.168.1.1", local},
		{"::ffff:192.168.1.1", local},
		{"100.64.0.1", local},
		{"100.127.255.255", local},
		{"fc00::1", local},
		{"fd12:3456::1", local},

		{"0.0.0.0", never},
		{"0.1.2.3", never},
		{"::", never},
		{"::ffff:0.0.0.0", never},
		{"::127.0.0.1", never}, // IPv4-compatible, RFC 4291 2.5.5.1
		{"169.254.1.1", never},
		{"169.254.169.254", never},
		{"::ffff:169.254.169.254", never},
		{"64:ff9b::a9fe:a9fe", never},
		{"64:ff9b:1::a00:1", never},
		{"64:ff9b:1::808:808", never},
		{"fe80::1", never},
		{"fe80::1%eth0", never},
		{"fec0::1", never},
		{"fd00:ec2::254", never},
		{"fd20:ce::254", never},
		{"100.100.100.200", never},
		{"::ffff:100.100.100.200", never},
		{"168.63.129.16", never},
		{"192.0.0.192", never},
		{"192.0.2.1", never},
		{"198.51.100.1", never},
		{"203.0.113.9", never},
		{"198.18.0.1", never},
		{"198.19.255.255", never},
		{"192.88.99.1", never},
		{"224.0.0.1", never},
		{"239.255.255.250", never},
		{"240.0.0.1", never},
		{"255.255.255.255", never},
		{"ff02::1", never},
		{"2001::1", never},     // Teredo
		{"2001:2::1", never},   // benchmarks
		{"2001:db8::1", never}, // documentation
		{"3fff::1", never},
		{"2002:7f00:1::", never}, // 6to4
		{"2002:808:808::", never},
		{"100::1", never}, // discard
		{"4000::1", never},
	} {
		a := netip.MustParseAddr(tt.addr)
		if got := Public(a); got != (tt.is == public) {
			t.Errorf("Public(%s) = %t", tt.addr, got)
		}
		if got := reachable(a); got != (tt.is != never) {
			t.Errorf("reachable(%s) = %t", tt.addr, got)
		}
	}
	if Public(netip.Addr{}) || reachable(netip.Addr{}) {
		t.Error("no address is taken for one")
	}
}
