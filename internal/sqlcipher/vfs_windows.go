package sqlcipher

const defaultVFS = "win32"
