"""Packets: what one patient's record says, put together for a tumour board, a second centre, or the patient."""
