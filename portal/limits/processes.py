"""The web processes of this pod: the one that forked this one, and all that it forked."""

import psutil


class Family:
    """Asks the system who belongs to it only now and then: that costs more than all the rest."""

    def __init__(self) -> None:
        self._members: list[psutil.Process] = []

    def look(self) -> None:
        me = psutil.Process()
        like_me, parent = me.cmdline(), me.parent()
        found = [me]
        for each in [parent, *parent.children()] if parent else []:
            try:
                if each.pid != me.pid and each.cmdline() == like_me:
                    found.append(each)
            except psutil.Error:  # gone meanwhile, or not ours to look at
                continue
        self._members = found

    def resident(self) -> int:
        """In bytes, of all together; what they share counts for each."""
        return int(sum(each.memory_info().rss for each in self._alive()))

    def processor_seconds(self) -> dict[int, float]:
        """By process, so that one that ends takes nothing away from the others."""
        return {each.pid: sum(each.cpu_times()[:2]) for each in self._alive()}

    def _alive(self) -> list[psutil.Process]:
        if not self._members:
            self.look()
        self._members = [each for each in self._members if each.is_running()]
        return self._members
