"""Keys and notes that others have published."""

# golang.org/x/mod/sumdb/note.
PETER_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH_VKEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZ"
    "SNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ov"
    "TG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)

# The Go checksum database. C2SP tlog-checkpoint shows this note under an example's name; it is
# one that the database signed under its own.
SUMDB_VKEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDB_NOTE = """\
go.sum database tree
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— sum.golang.org Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2\
q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""

# C2SP tlog-cosignature: the same, cosigned by a witness under signature type 0x04.
WITNESS_LINE = (
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWX"
    "EhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)

# C2SP signed-note, its example; its key is not published.
QUASIMODO_NOTE = """\
Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC\
+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""

# Entry 412114 of the Rekor log of 2025, which signs with Ed25519, as a C2SP tlog-proof.
REKOR_ORIGIN = "log2025-1.rekor.sigstore.dev"
REKOR_VKEY = f"{REKOR_ORIGIN}+cf119915+AbfK5adZJxsI323FwGD2AJJ9F4i89cfDuLdGJBIYntuO"
REKOR_ENTRY = (
    b'{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":'
    b'"SHA2_256","digest":"5dJ2SakUeOXY4ut1hBHPomz+hTn6tc0KTzcGosA+epE="},"signature":{"content":'
    b'"MEYCIQDcJO82nz1rrtu1DxSpruX1ogJum8dl4IiGBMPz3jYcbgIhAKwQ8wNu1On8pYfhAJCK8OqT0OOGTh/yAQ+An/'
    b'e3d/dU","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"MFkwEwYHK'
    b"oZIzj0CAQYIKoZIzj0DAQcDQgAE0q9Q+tdG195CXKfmUx1YatvZ/mN3rhjpOfm1lvskWprH9Pxpe9Xc6LjEJbBcVPhut"
    b'kfUvBB9RDk+42SNE6/5xg=="}}}}}}'
)
REKOR_PROOF = """\
c2sp.org/tlog-proof@v1
index 412114
KIoYVJ0TqmaEkFboP7YWTjSh8vFjVECmokcTOAByfIM=
Umf0h0cK2hegTzNnSgsXszyiA4bp5OvEvP+GrWq3C8w=
vNQeSNBfepYZI2Ez3ViKdCft0JH87ZS8IGKwixxUVjc=
JBAugd5awOqmHXIKgz1MOjlR5f37VqmP0bWoRVcHX5M=
xYH2mAxGxfOgvSOLnItT2LsJt+Z2a2egjf8QJFwK7jA=
PbZWM3NitzChx9A22m/kddDtzh2bAKX5Fy7j76l3z2k=
sKX9Sbsahvw5DiC2oP6pbZsDi1NzuNS1nIULXkCC57o=
pfTCxXHnCM253jwYxVJcuUhmoTTtDxznn92QhN0M4Ws=
cJ8uk2ZvZyfg+HRILKOHcyHu2pvI8Fz3R1MyMvyzWtA=

log2025-1.rekor.sigstore.dev
412115
+8vUkEgBK/ansexBUomzocaWoPEmPIzxJC/y+xNMQN4=

— log2025-1.rekor.sigstore.dev zxGZFahCZ/+MqTjH4rC5MWcdLDWbpetE5l30RZfQ\
c4BQkRjWSoKipEUPjvHENeZDHIlAsuezJcLzUVvItpNjaSRoMAs=
"""
