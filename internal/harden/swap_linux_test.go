package harden

import (
	"testing"
	"testing/fstest"
)

func TestSwap(t *testing.T) {
	const head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	encrypted := &fstest.MapFile{Data: []byte("CRYPT-PLAIN-swap\n")}
	for _, tt := range []struct {
		name string
		tree fstest.MapFS
		want State
	}{
		{"none", fstest.MapFS{"proc/swaps": {Data: []byte(head)}}, On},
		{"a file", fstest.MapFS{"proc/swaps": {Data: []byte(head + "/swapfile file 1 0 -2\n")}}, Off},
		{"a partition after zram", fstest.MapFS{"proc/swaps": {Data: []byte(head + "/dev/zram0 partition 1 0 100\n/dev/sda2 partition 1 0 -2\n")}}, Off},
		{"zram", fstest.MapFS{"proc/swaps": {Data: []byte(head + "/dev/zram0 partition 1 0 100\n")}}, On},
		{"dm-crypt", fstest.MapFS{"proc/swaps": {Data: []byte(head + "/dev/dm-1 partition 1 0 -2\n")}, "sys/class/block/dm-1/dm/uuid": encrypted}, On},
		{"a volume in the clear", fstest.MapFS{"proc/swaps": {Data: []byte(head + "/dev/dm-1 partition 1 0 -2\n")}, "sys/class/block/dm-1/dm/uuid": {Data: []byte("LVM-x\n")}}, Off},
		{"not Linux as we know it", fstest.MapFS{}, Unavailable},
	} {
		if got := swapOf(tt.tree); got.State != tt.want {
			t.Errorf("%s: %+v, want %s", tt.name, got, tt.want)
		}
	}
}
